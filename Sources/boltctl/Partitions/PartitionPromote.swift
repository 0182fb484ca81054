import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl partition promote`
struct PartitionPromote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Make a standby primary where the primary is gone.",
        discussion: """
            Asks every other bolt of the partition for a promise; refuses (exit 4) where a primary lives, or where a \
            missing promise could hide something acknowledged. A sealed bolt is not promoted. --check says what it \
            would stand on and binds nobody: exit 0 where nothing acknowledged as paired can be lost, 4 where \
            something could. --allow-data-loss goes on all the same, after it has shown the bound. Without a terminal \
            it needs --expect, as --check shows it.

            EXAMPLES
              boltctl partition promote north --check
              boltctl partition promote north --to b.north --reason "a.north burnt"
              boltctl partition promote north --expect 3:1284:0a1b2c3d4e5f6071 --allow-data-loss --yes
            """)

    @Argument(help: "The partition.")
    var name: String
    @Option(name: .long, help: "The bolt to promote. Default: the unsealed standby in sync that is furthest.")
    var to: String?
    @Flag(name: .long, help: "Only say what it would stand on and lack.")
    var check = false
    @Option(
        name: .long, help: "Refuse unless the log to stand on ends there: EPOCH:POSITION:HASH, as --check shows it.")
    var expect: String?
    @Flag(name: .customLong("allow-data-loss"), help: "Go on without promises that are missing. Shows the bound first.")
    var allowDataLoss = false
    @OptionGroup var waiting: OperationOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        let expected = try expect.map { try ExpectedPoint($0) }
        let operation = try waiting.id()
        let operatorOf = PartitionOperator(session: try connection.session(), mutation: mutation, waiting: waiting)
        if try await operatorOf.tellSettled(name, to: connection.output) { return }
        let before = try await operatorOf.partition(name)
        let bolt = try candidate(in: before)
        let report = try await operatorOf.ask(
            .promote, [name.text],
            body: PromoteRequest(
                operation: PartitionOperator.newOperation(), bolt: bolt, check: true, reason: mutation.reason),
            operation: operation, at: bolt, of: before)
        try expected?.require(report.point, at: bolt)
        if check || mutation.dryRun {
            try await operatorOf.tell(report, wanted: 0, to: connection.output)
            if report.bound != nil, !allowDataLoss { throw ExitCode(ExitStatus.refused.rawValue) }
            return
        }
        if let bound = report.bound {
            guard allowDataLoss else { throw Self.refusal(report, bound, name, bolt) }
            Console.warn("could be lost: \(bound)")
        }
        guard expected != nil || Console.isInteractive else { throw Self.unseen(report, name, bolt, mutation.reason) }
        let stake = report.bound == nil ? "nothing acknowledged as paired can be lost" : "accepting that loss"
        try Console.confirm("Make \(bolt) primary of \(name), \(stake)?", yes: mutation.yes)
        let result = try await operatorOf.ask(
            .promote, [name.text],
            body: PromoteRequest(
                operation: operation, bolt: bolt, expect: report.point,
                allowDataLoss: allowDataLoss, reason: mutation.reason),
            operation: operation, at: bolt, of: before)
        // One of those that were in sync is gone: what can be had again is the others.
        try await operatorOf.tell(result, wanted: min(2, before.partition.bolts.count), to: connection.output)
    }

    /// The bolt that was named, or the furthest that may be promoted.
    private func candidate(in partition: PartitionResponse) throws -> String {
        if let to { return try PartitionOperator.bolt(to, in: partition) }
        return try Self.furthest(partition.partition)
    }

    /// The unsealed standby in sync that is furthest; without any in sync, the furthest that is unsealed. One that is
    /// drained only where there is no other.
    static func furthest(_ partition: PartitionView) throws -> String {
        let standbys = partition.members.filter { $0.bolt != nil && $0.mayBePromoted }
        let best = standbys.max { left, right in
            rank(left) < rank(right)
        }
        if let bolt = best?.bolt { return bolt }
        if let primary = partition.primary {
            throw CommandFailure(
                "primary_lives", "\(primary) is primary of \(partition.name), and no standby of it can be reached",
                reason: "nothing was changed", next: "boltctl partition show \(partition.name)", status: .refused)
        }
        if let sealed = SealedPartition(partition) {
            throw sealed.failure("nobody can be promoted in \(partition.name)")
        }
        throw CommandFailure(
            "no_candidate", "no standby of \(partition.name) can be reached",
            reason: "nothing was changed: none of its bolts says to be a standby",
            next: "start one of its bolts, or name one with --to: boltctl partition show \(partition.name)",
            status: .unavailable)
    }

    private static func rank(_ member: PartitionMemberView) -> (Int, Int, UInt64) {
        (member.isInSync ? 1 : 0, member.isDrained ? 0 : 1, member.position ?? 0)
    }

    /// P10: a script promotes only what somebody, or itself, has looked at.
    private static func unseen(
        _ report: OperationResponse, _ name: PartitionName, _ bolt: String, _ reason: String
    ) -> CommandFailure {
        let point = report.point?.shortText ?? "EPOCH:POSITION:HASH"
        return CommandFailure(
            "expect_required", "without a terminal a promotion needs --expect",
            reason: "nothing was changed: nobody saw yet what \(bolt) stands on now, \(point)",
            next: "where that is what you mean: boltctl partition promote \(name) --to \(bolt) --expect \(point) --yes"
                + (reason.isEmpty ? "" : " --reason \"\(reason)\""),
            status: .refused)
    }

    private static func refusal(
        _ report: OperationResponse, _ bound: String, _ name: PartitionName, _ bolt: String
    ) -> CommandFailure {
        let missing = report.missing.map(\.text).joined(separator: ", ")
        return CommandFailure(
            Problem.Code.promisesMissing.rawValue, "\(bolt) was not promoted: no promise can be had of \(missing)",
            reason: "could be lost: \(bound)",
            next: "start \(missing) and try again; to accept that loss: "
                + "boltctl partition promote \(name) --to \(bolt) --allow-data-loss",
            status: .refused)
    }
}

/// Where a log is expected to end, as an operator types it: in full, or with the start of the hash.
struct ExpectedPoint {
    private let epoch: String
    private let position: UInt64
    private let hash: String

    /// Digits of a hash that are enough to name a record.
    static let digitsMin = 8

    init(_ text: String) throws {
        if let full = LogPoint(apiText: text) {
            (epoch, position, hash) = (full.epoch.shortText, full.position, full.hash.hex)
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let position = UInt64(parts[1]), parts[2].count >= Self.digitsMin,
            parts[2].count <= 64, parts[2].allSatisfy(\.isHexDigit), !parts[0].isEmpty
        else {
            throw CommandFailure(
                "bad_point", "--expect “\(text)” is no EPOCH:POSITION:HASH",
                next: "take it from boltctl partition promote PARTITION --check", status: .usage)
        }
        (epoch, self.position, hash) = (String(parts[0]), position, parts[2].lowercased())
    }

    /// Whether that is the point.
    func matches(_ point: LogPoint) -> Bool {
        point.epoch.shortText == epoch && point.position == position && point.hash.hex.hasPrefix(hash)
    }

    /// Refuses a log that ends elsewhere.
    func require(_ point: LogPoint?, at bolt: String) throws {
        guard let point else { return }
        guard matches(point) else {
            throw CommandFailure(
                Problem.Code.unexpectedLog.rawValue, "the log that \(bolt) would stand on ends at \(point.shortText)",
                reason: "expected was \(epoch):\(position):\(hash); nothing was changed",
                next: "look at what is held now and decide again", status: .refused)
        }
    }
}
