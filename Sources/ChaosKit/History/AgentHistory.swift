/// One whole agent of `bolt-envoy simulate`: what the journals of all lives of its process say that it was told, and
/// what its own disk says at the end.
///
/// Unlike a writer it may be killed at any time, between a result that is made and an answer that is written down: how
/// much it made is what its disk says, and every result of it has to be at the owner.
public struct AgentHistory: Hashable, Sendable, Codable {
    /// For people.
    public var name: String
    /// Its envoy's id, as the stores write it.
    public var envoy: String
    /// Its queue's incarnation, by its own disk.
    public var queue: String
    /// How many results it ever made, by its own disk.
    public var made: UInt64
    /// What it deleted, by its own disk.
    public var releasedThrough: UInt64
    /// What it was told, in order.
    public var told: [AgentAnswer]

    /// An agent's history.
    public init(
        name: String, envoy: String, queue: String, made: UInt64 = 0, releasedThrough: UInt64 = 0,
        told: [AgentAnswer] = []
    ) {
        (self.name, self.envoy, self.queue, self.made) = (name, envoy, queue, made)
        (self.releasedThrough, self.told) = (releasedThrough, told)
    }
}

/// What an agent was told, as its process wrote it down at once.
public struct AgentAnswer: Hashable, Sendable, Codable {
    /// Which life of the process: 1 is the first.
    public var life: Int
    /// What it was told.
    public var answer: Answer

    /// An answer.
    public init(life: Int, _ answer: Answer) { (self.life, self.answer) = (life, answer) }
}
