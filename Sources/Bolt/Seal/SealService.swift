internal import Identity
internal import Logging
internal import Spanner
internal import Synchronization
internal import Vault

/// A bolt's vault with what opens it: the key file of the configuration, or a key that an operator gives.
///
/// Safe to share. The keyring is the journal's: whoever applies that tells this one of each change, before anything
/// else learns of it. Whoever gave `onChange` is called after each change that did not come by the journal.
final class SealService: Sendable {
    /// Whose vault.
    let owner: VaultOwner
    let vault: Vault
    /// Lets one change of a seal or secret at a time through, so that each sees what the one before wrote.
    let gate = AsyncGate()
    private let keyFile: String?
    private let logger: Logger
    private let held = Mutex(Held())

    private struct Held {
        /// Why the journal's keyring is of no use.
        var unusable: VaultError?
        /// Why the key file did not open it.
        var refusal: VaultError?
        /// The key of a keyring that is on its way into the journal.
        var expected: (keyring: KeyringStamp, key: UnsealKey)?
        var onChange: (@Sendable () -> Void)?
    }

    /// A sealed vault. A key file that would be refused is complained of at once; the keyring comes with `follow`.
    init(_ owner: VaultOwner, keyFile: String?, logger: Logger) {
        (self.owner, self.keyFile, self.logger) = (owner, keyFile, logger)
        vault = Vault(owner)
        guard let keyFile, SecureFile.exists(keyFile) else { return }
        do throws(VaultError) { _ = try UnsealKeyFile.read(keyFile) } catch { refuse(error) }
    }

    /// Whom to call when the seal changed by other than the journal.
    func tell(_ onChange: @escaping @Sendable () -> Void) { held.withLock { $0.onChange = onChange } }

    /// Whether the configuration names a key file.
    var hasKeyFile: Bool { keyFile != nil }

    /// Whether this bolt must serve nothing of its partition: there is a keyring, and it is not open.
    var isSealed: Bool {
        if held.withLock({ $0.unusable }) != nil { return true }
        return switch vault.state {
        case .uninitialised, .unsealed: false
        case .sealed, .unsealing: true
        }
    }

    /// Why it is sealed, and what to do; empty where it is not.
    var reasons: [String] {
        let (unusable, refusal) = held.withLock { ($0.unusable, $0.refusal) }
        guard isSealed else { return [] }
        if let unusable { return ["sealed: \(unusable)"] }
        var reasons = ["sealed: \(cause); next: boltctl seal unseal --key-file FILE"]
        if let refusal { reasons.append("the key file was refused: \(refusal)") }
        return reasons
    }

    private var cause: String {
        switch vault.state {
        case .sealed(.started): "every bolt starts sealed"
        case .sealed(.asked): "an operator sealed it"
        case .sealed(.keyringReplaced): "the journal holds another keyring than the one that was open"
        case .sealed(.keyringDamaged): "the keyring does not open under its root key"
        case .unsealing: "a key is being tried"
        case .uninitialised, .unsealed: "not sealed"
        }
    }

    // MARK: The journal

    /// The journal holds this keyring now; nil: none. To be called before the bolt takes any part in its partition,
    /// and after each change. Afterwards `isSealed` is right.
    func follow(_ bytes: [UInt8]?) {
        do throws(VaultError) {
            var keyring: Keyring?
            if let bytes { keyring = try Keyring(bytes: bytes) }
            try vault.adopt(keyring)
            held.withLock { $0.unusable = nil }
        } catch {
            vault.seal()
            held.withLock { $0.unusable = error }
            logger.critical("the keyring is of no use: this bolt is sealed", metadata: [LogKeys.why: "\(error)"])
            return
        }
        guard case .sealed(let cause) = vault.state else { return }
        let expected = held.withLock { $0.expected }
        if let expected, expected.keyring == vault.keyring?.stamp {
            attempt(expected.key, "the key that was given with the keyring")
        } else if cause != .asked, let keyFile {
            do throws(VaultError) {
                attempt(try UnsealKeyFile.read(keyFile), "the key file")
            } catch { refuse(error) }
        }
        if isSealed { logger.warning("sealed", metadata: [LogKeys.why: "\(reasons.joined(separator: "; "))"]) }
    }

    private func attempt(_ key: UnsealKey, _ source: String) {
        do throws(VaultError) {
            try vault.unseal(with: key)
            opened(by: source)
        } catch { refuse(error) }
    }

    private func opened(by source: String) {
        held.withLock { $0.refusal = nil }
        logger.notice(
            "unsealed",
            metadata: [LogKeys.what: "\(source)", LogKeys.status: "\(vault.isLocked == true ? "locked" : "unlocked")"])
        if vault.isLocked == false {
            logger.warning("the limit of locked memory is reached: keys may get into swap; raise it or encrypt swap")
        }
    }

    private func refuse(_ error: VaultError) {
        held.withLock { $0.refusal = error }
        logger.error("the key file was refused", metadata: [LogKeys.why: "\(error)"])
    }

    /// Runs `body`, which brings a keyring into the journal: if it arrives there, it is open from its first moment on.
    func expecting<Value>(
        _ keyring: Keyring, _ key: UnsealKey, _ body: () async throws -> Value
    ) async throws -> Value {
        held.withLock { $0.expected = (keyring.stamp, key) }
        defer { held.withLock { $0.expected = nil } }
        return try await body()
    }

    /// Fails with `wrongKey` or `keyringDamaged` where the key does not open the keyring, or either is another
    /// partition's. Changes nothing.
    func check(_ key: UnsealKey, opens keyring: Keyring) throws(VaultError) {
        let trial = Vault(owner)
        try trial.adopt(keyring)
        try trial.unseal(with: key)
        trial.seal()
    }

    /// Fails where the key does not open the keyring that the journal holds. Changes nothing.
    func check(_ key: UnsealKey) throws(VaultError) {
        guard let keyring = vault.keyring else {
            throw VaultError(
                .notInitialised, what: "unseal", why: "partition \(owner.partition) has no keyring yet",
                next: "make one: boltctl seal init --partition \(owner.partition) --key-file FILE")
        }
        try check(key, opens: keyring)
    }

    // MARK: Operators

    /// Opens the vault. False where it was open: the key was not looked at then. Fails as `Vault.unseal` does.
    func unseal(_ key: UnsealKey) throws(VaultError) -> Bool {
        if let unusable = held.withLock({ $0.unusable }) { throw unusable }
        do throws(VaultError) { try vault.unseal(with: key) } catch {
            guard error.code == .unsealed else { throw error }
            return false
        }
        opened(by: "an operator")
        changed()
        return true
    }

    /// Overwrites every key. False where there was none.
    func seal() -> Bool {
        let was = vault.state.isUnsealed
        vault.seal()
        if was { logger.notice("sealed", metadata: [LogKeys.why: "an operator sealed it"]) }
        changed()
        return was
    }

    private func changed() { held.withLock { $0.onChange }?() }
}
