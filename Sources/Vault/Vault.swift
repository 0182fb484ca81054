public import Identity
import Spanner
import Synchronization

/// A partition's vault: seals and opens rows while its keys are in memory, and knows nothing while they are not.
///
/// Safe to share. Keeps nothing durable: the keyring and what was sealed are the journal's. Starts sealed.
public final class Vault: Sendable {
    /// Whose vault.
    public let owner: VaultOwner
    private let held = Mutex(VaultHold())

    /// A sealed vault; `adopt` tells it the keyring.
    public init(_ owner: VaultOwner) { self.owner = owner }

    /// Whether it can open what it holds.
    public var state: SealState { held.withLock { $0.machine.state } }

    /// Whether all keys in memory are kept out of swap; nil while there are none.
    public var isLocked: Bool? { held.withLock { $0.open?.isLocked } }

    /// The keyring that was adopted last.
    public var keyring: Keyring? { held.withLock { $0.keyring } }

    /// The journal holds this keyring now: to be called at the start and after each record that exchanged it, with
    /// nil where there is none.
    ///
    /// A vault that is unsealed stays so where the root key belongs to the new one too. Fails with `keyringForeign`
    /// (nothing is changed), or with `keyringDamaged` where it does not open (sealed from then on).
    @discardableResult
    public func adopt(_ keyring: Keyring?) throws(VaultError) -> SealState {
        if let keyring, keyring.owner != owner {
            throw VaultError(
                .keyringForeign, what: "take the keyring of \(owner)", why: "it is of \(keyring.owner)",
                next: "find out how it came into this partition's journal before anything else")
        }
        return try held.withLock { held throws(VaultError) in try held.adopt(keyring) }
    }

    /// Tries a key. Unsealed when this returns.
    ///
    /// Fails with `wrongKey` or `keyringDamaged`, or with `notInitialised`, `unsealed`, `busy` or `overtaken`.
    public func unseal(with key: UnsealKey) throws(VaultError) {
        try held.withLock { held throws(VaultError) in try held.unseal(key) }
    }

    /// Overwrites every key. What runs at this moment with a key ends with it. No error if sealed already.
    @discardableResult
    public func seal() -> SealState { held.withLock { $0.seal() } }

    /// Seals a row under the newest data key. Fails with `sealed` or `tooLarge`.
    public func seal(_ plain: SecretBytes, as row: SealedRow) throws(VaultError) -> SealedBox {
        guard plain.count <= VaultLimits.secretBytesMax else {
            throw VaultError(
                .tooLarge, what: "seal \(row)",
                why: "\(plain.count) bytes, at most \(VaultLimits.secretBytesMax) are taken",
                next: "keep large data elsewhere, encrypted under a key that is kept here")
        }
        return try opened("seal \(row)").seal(plain, as: row)
    }

    /// What was sealed as this row, in guarded memory. Fails with `sealed`, `keyMissing` or `rowDamaged`.
    public func open(_ box: SealedBox, as row: SealedRow) throws(VaultError) -> SecretBytes {
        try opened("open \(row)").open(box, as: row)
    }

    /// The same row under the newest data key; the same box where it is under it already. Fails as `open` does.
    public func renewing(_ box: SealedBox, as row: SealedRow) throws(VaultError) -> SealedBox {
        let open = try opened("seal \(row) anew")
        guard box.generation != open.keyring.generations.last else { return box }
        return open.seal(try open.open(box, as: row), as: row)
    }

    /// A secret's next value, to be journaled. Fails with `sealed` or `tooLarge`.
    public func seal(
        secret name: SecretName, version: UInt64, _ value: SecretBytes
    ) throws(VaultError) -> SealedSecret {
        SealedSecret(version: version, box: try seal(value, as: SealedSecret.row(name, version: version)))
    }

    /// A secret's value, in guarded memory. Fails with `sealed`, `keyMissing` or `rowDamaged`.
    public func open(secret name: SecretName, _ sealed: SealedSecret) throws(VaultError) -> SecretBytes {
        try open(sealed.box, as: SealedSecret.row(name, version: sealed.version))
    }

    /// The secret under the newest data key, to be journaled. Fails as `open` does.
    public func renewing(secret name: SecretName, _ sealed: SealedSecret) throws(VaultError) -> SealedSecret {
        let row = try SealedSecret.row(name, version: sealed.version)
        return SealedSecret(version: sealed.version, box: try renewing(sealed.box, as: row))
    }

    /// The keyring with one more data key, to be journaled: it is in force once it was adopted, not before. Fails with
    /// `sealed` or `tooManyKeys`.
    public func rotated() throws(VaultError) -> Keyring { try opened("rotate the data key").rotated() }

    /// The keyring without the data keys below `generation`, to be journaled once no row is sealed under them. Fails
    /// with `sealed`.
    public func retiring(below generation: UInt64) throws(VaultError) -> Keyring {
        try opened("retire data keys").retiring(below: generation)
    }

    private func opened(_ what: String) throws(VaultError) -> OpenKeyring {
        let (open, state) = held.withLock { ($0.open, $0.machine.state) }
        if let open { return open }
        throw state == .uninitialised
            ? VaultHold.notInitialised(what)
            : VaultError(
                .sealed, what: what, why: "the vault is sealed, there is no key in memory", next: "unseal this bolt")
    }
}

/// What a vault holds, and the shell around its machine.
private struct VaultHold: Sendable {
    var machine = SealMachine()
    var keyring: Keyring?
    var open: OpenKeyring?
    /// What an attempt opened and the machine has not judged yet.
    private var candidate: OpenKeyring?
    private var attempts: UInt64 = 0

    mutating func adopt(_ next: Keyring?) throws(VaultError) -> SealState {
        keyring = next
        if let failure = run(machine.step(.keyring(next?.stamp))) { throw failure }
        return machine.state
    }

    mutating func unseal(_ key: UnsealKey) throws(VaultError) {
        attempts += 1
        if let failure = run(machine.step(.unseal(UnsealAttempt(attempts))), key) { throw failure }
    }

    mutating func seal() -> SealState {
        _ = run(machine.step(.seal))
        return machine.state
    }

    /// Does what the machine says until it says no more; the first failure, if any.
    private mutating func run(_ first: [SealMachine.Effect], _ key: UnsealKey? = nil) -> VaultError? {
        var effects = first[...]
        var failure: VaultError?
        while let effect = effects.popFirst() {
            switch effect {
            case .open(let attempt, let stamp):
                do throws(VaultError) {
                    guard let keyring, let key else { throw Self.notInitialised("unseal the vault") }
                    candidate = try OpenKeyring(keyring, with: key)
                    effects += machine.step(.opened(attempt, stamp))
                } catch {
                    failure = failure ?? error
                    effects += machine.step(.notOpened(attempt))
                }
            case .keep:
                open = candidate
                candidate = nil
            case .discard: candidate = nil
            case .reopen(let stamp):
                do throws(VaultError) {
                    guard let keyring, let known = open else { throw Keyring.damaged("there is none") }
                    open = try known.reopening(keyring)
                    effects += machine.step(.reopened(stamp))
                } catch {
                    failure = failure ?? error
                    effects += machine.step(.notReopened)
                }
            case .dropKeys: open = nil
            case .refuse(_, let refusal): failure = failure ?? Self.error(refusal)
            case .changed, .wentBack: break
            }
        }
        return failure
    }

    static func notInitialised(_ what: String) -> VaultError {
        VaultError(
            .notInitialised, what: what, why: "the partition has no keyring yet",
            next: "make one at the partition's primary, and keep its key file safe")
    }

    private static func error(_ refusal: SealRefusal) -> VaultError {
        let what = "unseal the vault"
        switch refusal {
        case .notInitialised: return notInitialised(what)
        case .busy:
            return VaultError(.busy, what: what, why: "another attempt runs", next: "try again when it has ended")
        case .unsealed:
            return VaultError(.unsealed, what: what, why: "it is unsealed already", next: "nothing is to be done")
        case .overtaken:
            return VaultError(
                .overtaken, what: what, why: "it was sealed, or its keyring exchanged, at the same time",
                next: "try again if it is still to be unsealed")
        }
    }
}
