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

            Says what the partition has left: exit 5 where that is no standby in sync. Where a removal does not come \
            to an end in time (exit 3), ask again with the --operation that it names.

            EXAMPLES
              boltctl bolt remove a.north --reason "decommissioned" --dry-run
              boltctl bolt remove b.north --dead --reason "the disk burnt"
            """)

    @Argument(help: "NAME.PARTITION, id or fingerprint.")
    var name: String
    @Flag(name: .long, help: "It is gone for good: cut its disk off, so that its partition goes on without it.")
    var dead = false
    @OptionGroup var waiting: OperationOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers: the change, and the partition as it is afterwards.
    struct Answer: Encodable {
        let change: ChangeResponse
        let partition: PartitionView?

        private enum CodingKeys: String, CodingKey { case partition }

        func encode(to encoder: any Encoder) throws {
            try change.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(partition, forKey: .partition)
        }
    }

    func run() async throws {
        let operation = try waiting.id()
        let session = try connection.session()
        var poster = ActPoster(session: session, mutation: mutation)
        let (bolt, context) = try await poster.subject(name, role: .bolt)
        let partition: PartitionResponse? =
            if let own = bolt.partition { try await session.client.call(.partition, [own.text]) } else { nil }
        let members = partition?.partition.members ?? []
        let isFenced = members.contains { $0.bolt == bolt.name.text && $0.reported == .fenced }
        let removal = MemberRemoval(
            bolt: bolt.name.text, session: session, waiting: waiting, operation: operation)
        if dead, !isFenced { try await refuseLiving(bolt, session) }
        // Whoever is asked for a yes is not to hear of a refusal after it.
        let isTakenOut = !dead && !isFenced
        if isTakenOut, let partition { try await removal.rehearse(partition, reason: mutation.reason) }
        var question = "Remove the bolt \(bolt.name)?"
        if dead || isFenced {
            question = "Is \(bolt.name) gone for good? Its disk is cut off; what only it held is lost."
        }
        if !mutation.dryRun { try Console.confirm(question, yes: mutation.yes) }
        if isTakenOut, !mutation.dryRun, let partition {
            try await removal.carryOut(partition, reason: mutation.reason)
        }
        if let partition { poster.carrier = try Self.carrier(session, partition, without: bolt.name.text) }
        let change = try await poster.post(
            .remove(
                principal: bolt.id, targets: bolt.admissions.sorted(),
                cut: OperatorAct.Cut(seen: context.versionVector)))
        guard !mutation.dryRun, let partition, partition.partition.bolts.count > 1 else {
            let before = mutation.dryRun ? partition?.partition : nil
            let lines = [ActPoster.line(change), before.flatMap { RedundancyText.outlook($0, bolt.name.text) }]
            return try connection.output.emit(
                Answer(change: change, partition: nil), table: lines.compactMap(\.self).joined(separator: "\n"))
        }
        try await tell(change, partition.partition, without: bolt.name.text, session, poster.carrier)
    }

    /// Whom the act is brought to; nil for the bolts of the context. Whoever was named on the command line is asked
    /// alone.
    private static func carrier(
        _ session: Session, _ partition: PartitionResponse, without bolt: String
    ) throws -> BoltClient? {
        guard !session.isNamed else { return nil }
        let addresses = carriers(of: partition, without: bolt, orElse: session.context.bolts)
        return addresses.isEmpty ? nil : try session.client(of: addresses)
    }

    /// Bolts of the removed one's partition, its primary first: the act is to stand in that partition's audit log.
    /// Others are asked where none of them answers.
    static func carriers(
        of partition: PartitionResponse, without bolt: String, orElse others: [String]
    ) -> [String] {
        let places = zip(partition.partition.bolts, partition.addresses).map { (bolt: $0, address: $1) }
        let lost = places.first { $0.bolt == bolt }?.address
        let own = places.filter { $0.bolt != bolt && !$0.address.isEmpty }
        let primary = partition.partition.primary
        let ordered = own.filter { $0.bolt == primary } + own.filter { $0.bolt != primary }
        return ordered.map(\.address) + others.filter { $0 != lost }
    }

    /// Says what the partition has left, and what to do where that is too little.
    private func tell(
        _ change: ChangeResponse, _ before: PartitionView, without gone: String, _ session: Session,
        _ carrier: BoltClient?
    ) async throws {
        let operatorOf = PartitionOperator(session: session, mutation: mutation, waiting: waiting)
        let (view, restored) = try await operatorOf.settle(
            before.name, inSync: 2, without: gone, from: carrier)
        try connection.output.emit(
            Answer(change: change, partition: view),
            table: ActPoster.line(change) + (view.map { "\n" + RedundancyText.left($0) } ?? ""))
        guard !restored else { return }
        Console.warn(RedundancyText.next(before.name, view))
        throw ExitCode(ExitStatus.redundancy.rawValue)
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
}

/// What a partition has left after a bolt of it is gone, for people.
enum RedundancyText {
    /// What it would have left; nil where it has no other bolt.
    static func outlook(_ partition: PartitionView, _ gone: String) -> String? {
        let rest = partition.bolts.filter { $0 != gone }
        guard let last = rest.first, rest.count < partition.bolts.count else { return nil }
        guard rest.count == 1 else { return "\(partition.name) would have \(rest.joined(separator: ", ")) left" }
        return "\(partition.name) would be left without a standby: what the disk of \(last) loses is lost; the command "
            + "would end with 5"
    }

    static func left(_ partition: PartitionView) -> String {
        let bolts = partition.bolts.isEmpty ? "no bolt" : partition.bolts.joined(separator: ", ")
        return "\(partition.name) has \(bolts) left: \(Plural.text(partition.inSync, "disk")) in sync, of which "
            + "\(Plural.text(partition.faultTolerance, "more disk")) may fail"
    }

    static func next(_ name: PartitionName, _ partition: PartitionView?) -> String {
        let (count, lives) = (partition?.bolts.count ?? 0, partition?.primary != nil)
        if count > 1 {
            return "no standby of \(name) is in sync: watch it with boltctl partition show \(name)"
                + (lives ? "" : "; it has no primary: boltctl partition promote \(name) --check")
        }
        return "\(name) is left without a standby: what its only disk loses is lost; add a bolt: boltctl bolt join "
            + "on its machine, then boltctl bolt invite"
    }
}
