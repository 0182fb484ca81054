import Spanner

/// A deliberate fault of what stands around the envoy's machines, or of an owner, by its name: each breaks a promise
/// that a checker of the envoy plane has to see broken.
public struct EnvoySimMutant: Hashable, Sendable {
    enum Fault: String, CaseIterable, Sendable {
        /// Deletes what is stored, as if it were safe.
        case deletedOnLocal = "deleted-on-local"
        /// Deletes what another partition keeps for the owner.
        case deletedOnCustody = "deleted-on-custody"
        /// Owners take another result under a number for the one that they have.
        case sequenceReused = "sequence-reused-after-restore"
        /// Obeys an answer under an epoch or a register that a later one took over from.
        case olderEpochObeyed = "ack-of-older-epoch-obeyed"
        /// Takes any version that verifies, as if none had been taken before.
        case grantReplayed = "replayed-bundle-accepted"
        /// Keeps what it saw in memory alone.
        case sightNotKept = "sight-not-durable"
        /// Takes a version that is for another envoy.
        case otherEnvoysGrant = "bundle-of-another-envoy-accepted"
        /// Takes versions of whichever partition signed them.
        case otherOwnersGrant = "bundle-of-another-partition-accepted"
        /// A full queue drops, and counts nothing.
        case silentDrop = "silent-drop"
        /// Obeys an order that is for another envoy.
        case otherEnvoysOrder = "order-of-another-envoy-obeyed"
        /// Obeys an order as often as it comes.
        case orderReplayed = "order-obeyed-again"
        /// Believes of numbers that this life did not tell what an owner says of them.
        case untoldBelieved = "untold-acknowledgement-believed"
        /// Takes what others keep for the owner as told to it.
        case custodyMatched = "custody-taken-for-the-owner"
        /// Believes an owner's signature, whichever report it was the answer to.
        case receiptReplayed = "receipt-of-another-report-believed"
        /// Believes of a new epoch that it has what the last one was told.
        case epochsMatched = "told-to-another-epoch-believed"
        /// Does not tell a machine with its admission whose slice it is in.
        case registerNotTold = "register-not-told-at-enrolment"
        /// Owners give versions that a failover may forget.
        case versionGivenUnsafe = "version-given-before-it-is-safe"
    }

    let fault: Fault
    /// What `--mutant` takes.
    public var name: String { fault.rawValue }

    /// The promises that the fault breaks: a checker of one of these has to see it.
    public var guarantees: [String] {
        switch fault {
        case .deletedOnLocal, .deletedOnCustody, .olderEpochObeyed: ["P6"]
        case .untoldBelieved, .custodyMatched, .receiptReplayed, .epochsMatched, .registerNotTold:
            ["P5", "P6"]
        case .sequenceReused, .silentDrop: ["P5", "P6"]
        case .grantReplayed, .sightNotKept, .otherEnvoysGrant, .otherOwnersGrant: ["S8"]
        case .otherEnvoysOrder, .orderReplayed, .versionGivenUnsafe: ["S8"]
        }
    }

    /// All of them.
    public static let all: [EnvoySimMutant] = Fault.allCases.map { EnvoySimMutant(fault: $0) }

    private init(fault: Fault) { self.fault = fault }

    /// The mutant of this name.
    public init?(name: String) {
        guard let fault = Fault(rawValue: name) else { return nil }
        self.init(fault: fault)
    }

    /// Runs seeds with the fault until a checker of a promise that it breaks sees it: at which seed, and what. Nil
    /// where none does.
    public func hunt(
        seeds: ClosedRange<UInt64>, _ options: (UInt64) -> EnvoySimOptions
    ) -> (seed: UInt64, violation: SimViolation)? {
        for seed in seeds {
            var options = options(seed)
            options.mutant = self
            let first = EnvoySimulation(options).run().violations.first
            if let first, guarantees.contains(first.guarantee) { return (seed, first) }
        }
        return nil
    }
}

/// How one seed of the envoy plane is run.
public struct EnvoySimOptions: Sendable {
    /// Decides everything: envoys, workload, faults, delays.
    public var seed: UInt64
    /// A deliberate fault.
    public var mutant: EnvoySimMutant?
    /// Whether the whole trace is kept.
    public var keepsTrace = false
    /// Virtual seconds of faults and work, before everything heals.
    public var chaosSeconds: UInt64 = 20

    /// A run of `seed`.
    public init(seed: UInt64) { self.seed = seed }

    func has(_ fault: EnvoySimMutant.Fault) -> Bool { mutant?.fault == fault }

    /// Whether requests and answers are lost and late.
    var hasBadNetwork: Bool { seed % 4 != 0 }
    /// Whether the disks of envoys are put back to older copies.
    var hasEnvoyRestores: Bool { seed % 3 != 0 }
    /// Whether partitions are put back to older copies.
    var hasOwnerRestores: Bool { seed % 5 == 1 }
    /// Results that a queue holds at most.
    var queueMax: Int { seed % 2 == 0 ? 6 : 40 }
    /// Results that one report tells at most: a queue takes several, or one.
    var batchMax: Int { [2, 5, 64][Int(seed / 2 % 3)] }
}
