/// The network between the demo's bolts: one that can be split and healed from outside the bolts.
@MainActor protocol DemoNetwork: AnyObject {
    /// What it is, for the score.
    var name: String { get }
    /// `host:port` that everyone reaches a bolt by.
    func address(of index: Int) -> String
    /// `host:port` that the bolt itself listens at.
    func listenAddress(of index: Int) -> String
    /// What runs a bolt's program in its network: a program with arguments, or nothing.
    func prefix(for bolt: String) -> [String]
    /// Called once identities and configurations are there, before the bolts start.
    func configure(_ mesh: LocalMesh) throws
    /// Called after each start of a bolt, before it can have dialed.
    func started(_ mesh: LocalMesh)
    /// No traffic between the two sides from now on; nothing tells them. Operators and envoys reach both.
    func split(_ one: [String], from other: [String]) throws
    /// Traffic flows again.
    func heal() throws
    /// Removes whatever was made.
    func tearDown()
}
