import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

extension PartitionSalvage {
    /// Lists, or lets go.
    func run() async throws {
        let question = try question()
        let session = try connection.session()
        if let dismiss { return try await letGo(through: dismiss, session) }
        let answer: SalvageResponse = try await session.client.call(
            question.endpoint, question.arguments, query: question.query)
        try connection.output.emit(answer, table: table(answer))
    }

    /// On the bolt itself: what changes a disk is asked of the partition's own bolts.
    private func letGo(through number: UInt64, _ session: Session) async throws {
        let partition: PartitionResponse = try await session.client.call(.partition, [name])
        guard let at else {
            throw CommandFailure(
                "no_disk", "whose salvage is to be let go is not said", reason: "nothing was changed",
                next: "name the bolt: boltctl partition salvage \(name) --at NAME.\(name) --dismiss \(number)",
                status: .usage)
        }
        let bolt = try PartitionOperator.bolt(at, in: partition)
        let address = try PartitionOperator.address(of: bolt, in: partition)
        if !mutation.dryRun {
            try Console.confirm("Let go of what \(bolt) keeps up to number \(number)?", yes: mutation.yes)
        }
        let client = try session.client(of: address)
        defer { client.close() }
        let answer: DismissSalvageResponse = try await client.call(
            .dismissSalvage, [name], query: mutation.query,
            body: DismissSalvageRequest(bolt: bolt, through: number, reason: mutation.reason))
        let verb = answer.dryRun ? "would let go of" : "let go of"
        try connection.output.emit(
            answer, table: "\(verb) \(Plural.text(answer.count, "command")) on the disk of \(answer.bolt)")
    }
}
