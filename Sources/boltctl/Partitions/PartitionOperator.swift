import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// Brings an operation to the bolt that has to carry it out, and follows it until its fate is known.
struct PartitionOperator {
    let session: Session
    let mutation: MutationOptions
    let waiting: OperationOptions

    /// What a command about an operation answers.
    struct Answer: Encodable {
        let result: OperationResponse
        /// The partition as it is afterwards; missing where nothing was done, or nobody could be asked.
        let partition: PartitionView?
        /// Whether as many disks are in sync again as were before.
        let redundancyRestored: Bool
        /// Of a report: what `--expect` takes for the log that a promotion would stand on.
        let expect: String?
        /// Of a report: what could be lost, in words; missing where nothing acknowledged as paired could.
        let mayBeLost: String?

        init(result: OperationResponse, partition: PartitionView?, redundancyRestored: Bool) {
            (self.result, self.partition, self.redundancyRestored) = (result, partition, redundancyRestored)
            let isReport = result.outcome == .report
            expect = isReport ? result.point?.shortText : nil
            mayBeLost = isReport ? result.bound : nil
        }

        enum CodingKeys: String, CodingKey {
            case result, partition, expect
            case redundancyRestored = "redundancy_restored"
            case mayBeLost = "may_be_lost"
        }
    }

    /// The partition, as any bolt sees it.
    func partition(_ name: PartitionName) async throws -> PartitionResponse {
        try await session.client.call(.partition, [name.text])
    }

    /// A fresh id: whatever becomes of the connection, the operation is found by it.
    static func newOperation() throws -> OperationID { OperationID(try RandomID.principal()) }

    /// `name.partition` of an argument, which may be the bolt's name alone.
    static func bolt(_ text: String, in partition: PartitionResponse) throws -> String {
        let bolts = partition.partition.bolts
        let full = text.contains(".") ? text : "\(text).\(partition.partition.name)"
        if bolts.contains(full) { return full }
        let hint = NearestName.suggest(full, among: bolts).map { "; did you mean \($0)?" } ?? ""
        throw CommandFailure(
            "not_found", "partition \(partition.partition.name) has no bolt \(text)\(hint)",
            next: "boltctl partition show \(partition.partition.name)")
    }

    /// The address of a bolt of a partition.
    static func address(of bolt: String, in partition: PartitionResponse) throws -> String {
        let known = zip(partition.partition.bolts, partition.addresses).first { $0.0 == bolt && !$0.1.isEmpty }
        guard let known else {
            throw CommandFailure("not_found", "no address of \(bolt) is known", next: "boltctl bolt show \(bolt)")
        }
        return known.1
    }

    /// Has the bolt say whether it would refuse, before anybody is asked for a yes; nothing where nobody will be asked.
    func rehearse(
        _ endpoint: Endpoint, _ arguments: [String], body: any Encodable & Sendable, at bolt: String,
        of partition: PartitionResponse
    ) async throws {
        guard !mutation.dryRun, !mutation.yes, let address = try? Self.address(of: bolt, in: partition) else { return }
        let client = try session.client(of: address)
        defer { client.close() }
        let _: OperationResponse = try await client.call(
            endpoint, arguments, query: [("dry_run", "true")], body: body)
    }

    /// Asks one bolt of the partition for an operation. Where the answer is lost or open, its fate is followed.
    func ask(
        _ endpoint: Endpoint, _ arguments: [String], body: any Encodable & Sendable, operation: OperationID,
        at bolt: String, of partition: PartitionResponse
    ) async throws -> OperationResponse {
        let client = try session.client(of: Self.address(of: bolt, in: partition))
        defer { client.close() }
        let name = partition.partition.name
        do throws(ClientError) {
            let answer: OperationResponse = try await client.call(
                endpoint, arguments, query: mutation.query, body: body)
            guard answer.outcome == .running else { return answer }
        } catch {
            guard error.mayHaveChanged, !mutation.dryRun else { throw error }
            Console.note("the connection to \(bolt) broke off: looking for operation \(operation)")
        }
        return try await follow(operation, of: name, at: bolt)
    }

    /// Tells what an operation that was asked for before came to; false where it is new, or open. It is not done twice,
    /// nor judged by how things stand since.
    func tellSettled(_ name: PartitionName, to output: OutputOptions) async throws -> Bool {
        guard waiting.operation != nil else { return false }
        let id = try waiting.id()
        let fate: OperationFateResponse = try await session.client.call(.partitionOperation, [name.text, id.apiText])
        guard fate.state == .done else { return false }
        Console.note("operation \(id) was done before; nothing is done now")
        try await tell(Self.done(fate, of: id, in: name), wanted: 0, to: output)
        return true
    }

    /// The answer to an operation that a journal says is done.
    private static func done(
        _ fate: OperationFateResponse, of operation: OperationID, in name: PartitionName
    ) -> OperationResponse {
        OperationResponse(
            operation: operation, partition: name, bolt: fate.bolt, outcome: .done, epoch: fate.epoch,
            point: fate.point, primary: fate.bolt)
    }

    /// Walks the journals for an operation until one says what became of it. Ends with 3 where none does in time.
    func follow(_ operation: OperationID, of name: PartitionName, at bolt: String) async throws -> OperationResponse {
        var progress = Progress()
        let found: OperationResponse? = try await Waiting.until(seconds: waiting.timeout, every: .milliseconds(200)) {
            progress.say("waiting for operation \(operation): no journal of \(name) says yet what became of it")
            let fate: OperationFateResponse? = try? await session.client.call(
                .partitionOperation, [name.text, operation.apiText])
            guard let fate else { return nil }
            switch fate.state {
            case .done: return Self.done(fate, of: operation, in: name)
            case .cancelled where fate.isPrimary:
                throw CommandFailure(
                    "handover_cancelled", "the hand-over was taken back: \(fate.bolt) goes on as primary",
                    reason: "the standby did not take over in time; nothing was changed",
                    next: "look at the standby's log, then try again: boltctl partition show \(name)", status: .refused)
            case .unknown, .running, .cancelled: return nil
            }
        }
        if let found { return found }
        throw CommandFailure(
            "still_open", "operation \(operation) has not come to an end within \(Int(waiting.timeout)) s",
            reason: "no journal that could be read says what became of it",
            next: "boltctl partition history \(name) names the operation of each epoch; or ask again with "
                + "--operation \(operation): it is the same operation",
            changed: true, status: .running)
    }

    /// Waits until as many disks are in sync as before, telling each transition; gives the partition as it is then.
    /// The view of a bolt that has not heard yet that `gone` was removed counts for nothing.
    func settle(
        _ name: PartitionName, inSync wanted: Int, without gone: String? = nil, from client: BoltClient? = nil
    ) async throws -> (view: PartitionView?, restored: Bool) {
        let client = client ?? session.client
        var transitions = PartitionTransitions()
        var last: PartitionView?
        let clock = ContinuousClock()
        let begun = clock.now
        let whole: PartitionView? = try await Waiting.until(
            seconds: waiting.wait ? waiting.timeout : 0, every: .milliseconds(100)
        ) {
            guard let seen: PartitionResponse = try? await client.call(.partition, [name.text]) else { return nil }
            if let gone, seen.partition.bolts.contains(gone) { return nil }
            for line in transitions.changes(seen.partition) { Console.note(line) }
            last = seen.partition
            let isWhole = seen.partition.primary != nil && seen.partition.inSync >= wanted
            // Where nobody else lives there is nothing to wait for.
            let isHopeless = seen.partition.members.allSatisfy {
                $0.reported == nil || $0.bolt == seen.partition.primary
            }
            return isWhole || (isHopeless && clock.now - begun > .seconds(1)) ? seen.partition : nil
        }
        let restored = whole.map { $0.primary != nil && $0.inSync >= wanted } ?? false
        return (whole ?? last, restored)
    }

    /// Shows what came of it, and ends with 5 where the partition holds less than before.
    func tell(_ result: OperationResponse, wanted: Int, to output: OutputOptions) async throws {
        guard result.outcome == .done else {
            let answer = Answer(result: result, partition: nil, redundancyRestored: false)
            return try output.emit(answer, table: OperationText.text(result))
        }
        let (view, restored) = try await settle(result.partition, inSync: wanted)
        let answer = Answer(result: result, partition: view, redundancyRestored: restored)
        let table = view.map { "\n\n" + PartitionTable.text([$0]) } ?? ""
        try output.emit(answer, table: OperationText.text(result) + table)
        guard !restored else { return }
        Console.warn(
            "fewer disks are in sync than before: \(view?.inSync ?? 0) of \(wanted); "
                + "watch it with boltctl partition show \(result.partition)")
        throw ExitCode(ExitStatus.redundancy.rawValue)
    }
}

/// How long an operation is followed.
struct OperationOptions: ParsableArguments {
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Wait until as many disks are in sync again as before, and tell each transition.")
    var wait = true

    @Option(name: .long, help: "Seconds to wait for an operation's end, and for redundancy after it.")
    var timeout: Double = 20

    @Option(name: .long, help: "Id of an operation that was asked for before: it is looked up, not done twice.")
    var operation: String?

    /// The operation's id: the one that was given, or a fresh one.
    func id() throws -> OperationID {
        guard timeout > 0, timeout <= 3600 else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 3600 seconds", status: .usage)
        }
        guard let operation else { return try PartitionOperator.newOperation() }
        guard let id = OperationID(apiText: operation) else {
            throw CommandFailure("bad_id", "--operation “\(operation)” is not \(OperationID.apiKind)", status: .usage)
        }
        return id
    }
}

/// What became of an operation, for people.
enum OperationText {
    static func text(_ result: OperationResponse) -> String {
        var lines = result.effects
        switch result.outcome {
        case .done:
            let epoch = result.epoch.map { "epoch \($0.shortText)" } ?? "a new epoch"
            lines.append("done: \(result.primary ?? result.bolt) is primary of \(result.partition) in \(epoch)")
        case .report: lines += report(result)
        case .running: lines.append("accepted: operation \(result.operation) runs")
        case .planned: lines.append("dry run: nothing was changed")
        }
        return lines.joined(separator: "\n")
    }

    private static func report(_ result: OperationResponse) -> [String] {
        var lines: [String] = []
        if let point = result.point {
            lines.append("\(result.bolt) would stand on \(point.shortText) (--expect \(point.shortText))")
        }
        if !result.missing.isEmpty {
            lines.append("no promise can be had of \(result.missing.map(\.text).joined(separator: ", "))")
        }
        lines.append(
            result.bound.map { "could be lost: \($0)" } ?? "nothing that was acknowledged as paired can be lost")
        return lines
    }
}
