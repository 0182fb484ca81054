import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl bolt remove`
struct BoltRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End a bolt's admission and cut its histories where they stand now.",
        discussion: """
            What the answering bolt has seen of its histories stays; anything later is inert on every bolt. A removed \
            bolt returns only with new keys.

            A living standby is taken out of its partition first, by its primary. A bolt that is gone for good cannot \
            agree to that: --dead is your word that its disk will never come back with what it acknowledged. If that \
            word is wrong, what only that disk held is lost. It is refused while the bolt answers, unless that is \
            fenced: a fenced bolt promises and acknowledges nothing, so it is removed at once, with or without --dead.

            EXAMPLES
              boltctl bolt remove a.north --reason "decommissioned" --dry-run
              boltctl bolt remove b.north --dead --reason "the disk burnt"
            """)

    @Argument(help: "NAME.PARTITION, id or fingerprint.")
    var name: String
    @Flag(name: .long, help: "It is gone for good: cut its disk off, so that its partition goes on without it.")
    var dead = false
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        let poster = ActPoster(session: session, mutation: mutation)
        let (bolt, context) = try await poster.subject(name, role: .bolt)
        let partition: PartitionResponse? =
            if let own = bolt.partition { try await session.client.call(.partition, [own.text]) } else { nil }
        let members = partition?.partition.members ?? []
        let isFenced = members.contains { $0.bolt == bolt.name.text && $0.reported == .fenced }
        if dead, !isFenced { try await refuseLiving(bolt, session) }
        var question = "Remove the bolt \(bolt.name)?"
        if dead || isFenced {
            question = "Is \(bolt.name) gone for good? Its disk is cut off; what only it held is lost."
        }
        if !mutation.dryRun { try Console.confirm(question, yes: mutation.yes) }
        if !dead, !isFenced, let partition { try await takeOut(bolt, of: partition, session) }
        let change = try await poster.post(
            .remove(
                principal: bolt.id, targets: bolt.admissions.sorted(),
                cut: OperatorAct.Cut(seen: context.versionVector)))
        try connection.output.emit(change, table: ActPoster.line(change))
    }

    /// An assertion that a living bolt is dead would be wrong, and could lose what was acknowledged.
    private func refuseLiving(_ bolt: PrincipalView, _ session: Session) async throws {
        let view: BoltResponse = try await session.client.call(.bolt, [bolt.id.description])
        guard view.bolt.reach == .alive || view.bolt.reach == .itself else { return }
        throw CommandFailure(
            "bolt_lives", "\(bolt.name) is not dead: it was heard a moment ago",
            reason: "nothing was changed: a disk that lives may hold, and go on to acknowledge, what others do not",
            next: "without --dead it is taken out in good order; or stop it for good first", status: .refused)
    }

    /// The primary of a partition of several leaves a living standby out before its admission ends.
    private func takeOut(_ bolt: PrincipalView, of partition: PartitionResponse, _ session: Session) async throws {
        let view = partition.partition
        let member = view.members.first { $0.bolt == bolt.name.text }
        guard view.bolts.count > 1 else { return }
        // Who is no member any more, or never was one, has nothing to be left out of.
        guard let member else { return }
        guard let primary = view.primary, member.reported != nil else {
            throw CommandFailure(
                "cannot_take_out", "\(bolt.name) cannot be taken out of \(view.name) in good order",
                reason: view.primary == nil
                    ? "nothing was changed: nobody is primary of \(view.name), who would leave it out"
                    : "nothing was changed: \(bolt.name) cannot be reached, and may hold what others lack",
                next: "bring it back first; if its disk is gone for good: boltctl bolt remove \(bolt.name) --dead",
                status: .refused)
        }
        guard primary != bolt.name.text else {
            throw CommandFailure(
                "removes_primary", "\(bolt.name) is primary of \(view.name)", reason: "nothing was changed",
                next: "hand over first: boltctl bolt step-down \(bolt.name)", status: .refused)
        }
        let operation = try PartitionOperator.newOperation()
        let operatorOf = PartitionOperator(
            session: session, mutation: mutation, waiting: try OperationOptions.parse([]))
        let result = try await operatorOf.ask(
            .removeMember, [view.name.text],
            body: RemoveMemberRequest(operation: operation, bolt: bolt.name.text, reason: mutation.reason),
            operation: operation, at: primary, of: partition)
        Console.note(OperationText.text(result))
    }
}
