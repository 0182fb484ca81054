import ArgumentParser
import BoltAPI
import Foundation

/// `boltctl demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "A mesh of real processes: converge, kill, cover, move, apply, split, heal, ban; prints a score.",
        discussion: """
            Starts four partitions of a primary and a standby each below a temporary directory, of which three own \
            slices at first, enrols real agents at each bolt, kills one with -9 during admissions, changes a primary \
            under load as planned and by kill -9, kills a whole partition and has the others cover it until it is \
            back, lets the fourth partition join and moves a third of the fleet to it, with one side killed in the \
            middle, and back, puts machines under the example policy and kills every bolt while they go on by it, \
            splits the network in two and heals it, bans a machine, and verifies after each step \
            what was claimed. \
            Ends 0 only if all of it was verified. Touches no process and no file but its own.

            EXAMPLES
              boltctl demo
              boltctl demo --keep
              boltctl demo --network relay -o json
            """)

    /// What the bolts talk over.
    enum Network: String, ExpressibleByArgument, CaseIterable {
        case auto, namespaces, relay
    }

    @Option(name: .long, help: "Directory of the mesh; it must not exist. Default: a temporary one.")
    var dir: String?
    @Option(name: .long, help: "namespaces (needs root), relay, or auto: the first that works.")
    var network: Network = .auto
    @Option(name: .long, help: "Machines that are admitted while a bolt is killed.")
    var admissions: Int = 60
    @Option(name: .long, help: "Directory of a stack for the machines. Default: examples/stack of the repository.")
    var stack: String?
    @Flag(name: .long, help: "Leave the mesh running and its files in place.")
    var keep = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (4...10_000).contains(admissions) else { throw ValidationError("--admissions takes 4 to 10000") }
    }

    func run() async throws {
        let plan = DemoProgram.Plan(dir: dir, network: network, admissions: admissions, keep: keep, stack: stack)
        let (score, failure) = try await DemoProgram.run(plan)
        try output.emit(score, table: score.text)
        if let failure { throw failure }
        if !score.passed { throw ExitCode(ExitStatus.error.rawValue) }
    }
}
