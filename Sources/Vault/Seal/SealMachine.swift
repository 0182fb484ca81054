/// Decides when keys are in memory: pure, holds no key, no clock and no file.
///
/// sealed → unsealing → unsealed → sealed. Keys are held exactly while the state is `unsealed`.
public struct SealMachine: Sendable {
    /// What happened outside.
    public enum Event: Hashable, Sendable {
        /// The journal holds this keyring now; nil: none, as before the first or after an unsafe record was cut.
        case keyring(KeyringStamp?)
        /// Somebody gave a key.
        case unseal(UnsealAttempt)
        /// Answers `Effect.open`: the key opens this keyring. The shell keeps the keys aside until told.
        case opened(UnsealAttempt, KeyringStamp)
        /// Answers `Effect.open`: it does not.
        case notOpened(UnsealAttempt)
        /// Answers `Effect.reopen`: the root key opens this one too.
        case reopened(KeyringStamp)
        /// Answers `Effect.reopen`: it does not.
        case notReopened
        /// No key may stay in memory.
        case seal
    }

    /// What is to be done outside, in order.
    public enum Effect: Hashable, Sendable {
        /// Try the attempt's key on this keyring; answered by `opened` or `notOpened`.
        case open(UnsealAttempt, KeyringStamp)
        /// Keep what the attempt opened: it is in force from now on.
        case keep(UnsealAttempt)
        /// Overwrite what the attempt opened: it came too late.
        case discard(UnsealAttempt)
        /// Open this keyring with the root key that is held; answered by `reopened` or `notReopened`. Until then the
        /// keys that are held stay in force.
        case reopen(KeyringStamp)
        /// Overwrite every key.
        case dropKeys
        /// The attempt ends without the vault being unsealed by it.
        case refuse(UnsealAttempt, SealRefusal)
        /// The state is another.
        case changed(SealState)
        /// The journal's keyring went back: records that were never safe were cut. Rows sealed under keys that went
        /// with it were cut too.
        case wentBack(from: KeyringStamp, to: KeyringStamp)
    }

    /// The state.
    public private(set) var state: SealState = .uninitialised
    /// The keyring that the journal holds.
    public private(set) var keyring: KeyringStamp?

    /// Sealed, with no keyring known yet.
    public init() {}

    /// The only way in. Same state and same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        switch event {
        case .keyring(let stamp): return adopt(stamp)
        case .unseal(let attempt): return begin(attempt)
        case .opened(let attempt, let stamp): return end(attempt, stamp)
        case .notOpened(let attempt):
            guard state == .unsealing(attempt) else { return [] }
            return enter(.sealed(lastCause))
        case .reopened(let stamp):
            guard state.isUnsealed, stamp == keyring else { return [] }
            return enter(.unsealed(stamp))
        case .notReopened:
            guard state.isUnsealed else { return [] }
            return [.dropKeys] + enter(.sealed(.keyringDamaged))
        case .seal: return seal()
        }
    }

    /// Why it was sealed before the attempt that runs.
    private var lastCause = SealCause.started

    private mutating func enter(_ next: SealState) -> [Effect] {
        guard next != state else { return [] }
        state = next
        if case .sealed(let cause) = next { lastCause = cause }
        return [.changed(next)]
    }

    private mutating func adopt(_ stamp: KeyringStamp?) -> [Effect] {
        guard stamp != keyring else { return [] }
        let before = keyring
        keyring = stamp
        guard let stamp else {
            let dropped: [Effect] = state.isUnsealed ? [.dropKeys] : []
            return dropped + enter(.uninitialised)
        }
        var effects: [Effect] = []
        if let before, before.id == stamp.id, before.revision > stamp.revision {
            effects.append(.wentBack(from: before, to: stamp))
        }
        switch state {
        case .uninitialised: return effects + enter(.sealed(lastCause))
        case .sealed, .unsealing: return effects
        case .unsealed(let held):
            guard held.id == stamp.id, held.lock == stamp.lock else {
                return effects + [.dropKeys] + enter(.sealed(.keyringReplaced))
            }
            return effects + [.reopen(stamp)]
        }
    }

    private mutating func begin(_ attempt: UnsealAttempt) -> [Effect] {
        guard let keyring else { return [.refuse(attempt, .notInitialised)] }
        switch state {
        case .uninitialised: return [.refuse(attempt, .notInitialised)]
        case .unsealing: return [.refuse(attempt, .busy)]
        case .unsealed: return [.refuse(attempt, .unsealed)]
        case .sealed: return enter(.unsealing(attempt)) + [.open(attempt, keyring)]
        }
    }

    private mutating func end(_ attempt: UnsealAttempt, _ stamp: KeyringStamp) -> [Effect] {
        guard state == .unsealing(attempt) else { return [.discard(attempt), .refuse(attempt, .overtaken)] }
        guard let keyring, keyring.id == stamp.id, keyring.lock == stamp.lock else {
            return [.discard(attempt), .refuse(attempt, .overtaken)] + enter(.sealed(.keyringReplaced))
        }
        let later: [Effect] = keyring == stamp ? [] : [.reopen(keyring)]
        return [.keep(attempt)] + enter(.unsealed(stamp)) + later
    }

    private mutating func seal() -> [Effect] {
        switch state {
        case .uninitialised, .sealed: return []
        case .unsealing: return enter(.sealed(.asked))
        case .unsealed: return [.dropKeys] + enter(.sealed(.asked))
        }
    }
}

/// Why an attempt to unseal ended before its key was judged.
public enum SealRefusal: Hashable, Sendable, CaseIterable {
    /// There is no keyring.
    case notInitialised
    /// Another attempt runs.
    case busy
    /// It is unsealed already.
    case unsealed
    /// It was sealed, or the keyring exchanged, meanwhile.
    case overtaken
}
