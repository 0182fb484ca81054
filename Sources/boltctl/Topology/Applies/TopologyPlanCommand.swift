import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl topology plan`
struct TopologyPlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "All that applying a topology would do: what comes and goes, what moves and why.",
        discussion: """
            Nothing is changed. The plan names deletions, each slice that moves, what stands in the way, and why it is \
            not smaller. It is bound to the topology that is in force now: an apply of it is refused once that has \
            changed. Exit 0 where there is nothing to do, 2 where there is, 4 where an apply would be refused.

            EXAMPLES
              boltctl topology plan topology/four-partitions.yaml
              boltctl topology plan topology/four-partitions.yaml --out plan.json --expires 2h
              boltctl topology plan topology/four-partitions.yaml -o json
            """)

    @Argument(help: "The wanted topology.")
    var file: String
    @OptionGroup var planning: PlanOptions
    @OptionGroup var showing: PlanShowing
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let desk = PlanDesk(session: try connection.session())
        let wish = try await desk.completed(PlanWish(file: file, planning))
        try showing.show(try await desk.plan(wish), changesDrains: wish.changesDrains, connection.output)
    }
}

/// `boltctl topology apply`
struct TopologyApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Make a topology the one in force, and move the slices that it wants elsewhere.",
        discussion: """
            Makes a plan, shows it and asks; with --plan it carries out one that was looked at before, unless its time \
            is over or the topology has changed since. Of two operators who apply at once one is refused; where they \
            ask different partitions one apply may be lost instead: history says so, and its task holds still. The \
            first apply of a mesh creates the groups and draws the first owners.

            The moves are a task: see boltctl rebalance apply. Exit 0 where all is where it should be, 3 where the \
            task still runs, 4 where it was refused, 5 where it is done and a standby is missing.

            EXAMPLES
              boltctl topology apply topology/four-partitions.yaml --dry-run
              boltctl topology apply topology/four-partitions.yaml --reason "west joins"
              boltctl topology apply topology/four-partitions.yaml --plan plan.json --yes --no-wait
            """)

    @Argument(help: "The wanted topology.")
    var file: String
    @Option(name: .long, help: "A plan that was written by topology plan --out. Default: a new one.")
    var plan: String?
    @OptionGroup var planning: PlanOptions
    @OptionGroup var options: ApplyOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try options.check()
        try planning.requireNone(beside: plan)
        let desk = PlanDesk(session: try connection.session())
        let wish = try await desk.completed(PlanWish(file: file, planning))
        let saved = try plan.map { try PlanFile.read($0, for: wish) }
        let application = PlanApplication(
            desk: desk, options: options, mutation: mutation, output: connection.output)
        try await application.run(wish, saved: saved)
    }
}
