/// What an operator asked for: machines that are to apply their policy now, so many at a time.
public struct PushPlan: Hashable, Sendable {
    /// The machines in the order in which they are told: at most `PolicyLimits.pushEnvoysMax`, each once.
    public var envoys: [PrincipalID]
    /// How many of them at a time; at least 1.
    public var batchSize: Int
    /// How many of a hundred of each batch have to succeed before the next is told; 0...100.
    public var thresholdPercent: Int
    /// How long to wait for a batch: who was not heard of by then counts as failed. 1...`PolicyLimits.pushSecondsMax`.
    public var batchSeconds: UInt64

    /// A plan; `fault` says whether it can be carried out.
    public init(envoys: [PrincipalID], batchSize: Int, thresholdPercent: Int = 100, batchSeconds: UInt64 = 300) {
        (self.envoys, self.batchSize) = (envoys, batchSize)
        (self.thresholdPercent, self.batchSeconds) = (thresholdPercent, batchSeconds)
    }

    /// Why it cannot be carried out; nil where it can.
    public var fault: String? {
        if envoys.isEmpty { return "no machine is named; a push needs at least one" }
        if envoys.count > PolicyLimits.pushEnvoysMax {
            return "\(envoys.count) machines are named; one push takes at most \(PolicyLimits.pushEnvoysMax)"
        }
        if Set(envoys).count != envoys.count { return "a machine is named twice; each can be told once in a push" }
        if batchSize < 1 { return "the batch size is \(batchSize); it has to be at least 1" }
        if !(0...100).contains(thresholdPercent) {
            return "the success threshold is \(thresholdPercent) percent; it has to be 0 to 100"
        }
        if !(1...PolicyLimits.pushSecondsMax).contains(batchSeconds) {
            return "the wait for a batch is \(batchSeconds) s; it has to be 1 to \(PolicyLimits.pushSecondsMax) s"
        }
        return nil
    }
}

/// Where one machine is in a push.
public enum PushPlace: UInt8, Sendable, CaseIterable {
    /// Its batch was not told yet.
    case waiting = 1
    /// It was told, and nothing was heard of how that went.
    case told = 2
    /// It applied its policy.
    case succeeded = 3
    /// It did not, or it was not heard of in time, or it is not of the partition any more.
    case failed = 4
}

/// What a push does.
public enum PushState: UInt8, Sendable, CaseIterable {
    /// It waits for a batch.
    case running = 1
    /// A batch is done, and the health of the partition is looked at before the next.
    case checking = 2
    /// All batches are done.
    case finished = 3
    /// It stopped before the end: see the reason. What was told is not taken back.
    case aborted = 4
}

/// A push in numbers.
public struct PushStatus: Hashable, Sendable {
    /// What it does.
    public var state: PushState
    /// The batch that it is at, from 1; 0 before the first.
    public var batch: Int
    /// How many batches there are.
    public var batches: Int
    /// Machines by where they are.
    public var waiting: Int
    /// Told, and not heard of since.
    public var told: Int
    /// Succeeded.
    public var succeeded: Int
    /// Failed.
    public var failed: Int
    /// Why it stopped; nil where it did not.
    public var reason: String?
}
