import BoltAPI
import BoltClient
import Spanner

/// How the seals of bolts stand, asked of each bolt itself and of all at once: a bolt that is sealed knows little of
/// others, and what others know of it is hearsay.
enum PartitionSeals {
    /// One bolt's answer, or why there is none.
    struct Line: Encodable, Sendable {
        let bolt: String
        let address: String
        let answer: SealStatusResponse?
        let error: String?
    }

    /// Admitted bolts, all or those of one partition, by name.
    static func bolts(of partition: PartitionName?, _ session: Session) async throws -> [BoltView] {
        let answer: BoltsResponse = try await session.client.call(.bolts)
        let admitted = answer.bolts.filter { $0.standing == .active }
        guard let partition else { return admitted.sorted { $0.fullName < $1.fullName } }
        let own = admitted.filter { $0.partition == partition }.sorted { $0.fullName < $1.fullName }
        guard own.isEmpty else { return own }
        let known = Set(admitted.map(\.partition.text)).sorted()
        let hint = NearestName.suggest(partition.text, among: known).map { "; did you mean \($0)?" } ?? ""
        throw CommandFailure(
            "not_found", "no bolt is of partition \(partition)\(hint)", next: "boltctl partition list")
    }

    /// The partition of an argument; without one the only partition that there is.
    static func partition(_ text: String?, _ session: Session) async throws -> PartitionName {
        if let text { return try NamedArgument.name(text, "--partition") }
        let names = Set(try await bolts(of: nil, session).map(\.partition)).sorted()
        guard names.count == 1, let only = names.first else {
            throw CommandFailure(
                "partition_needed", "the mesh has \(names.count) partitions, each with secrets of its own",
                next: "name one with --partition: \(names.map(\.text).joined(separator: ", "))", status: .usage)
        }
        return only
    }

    /// One line a bolt, in their order.
    static func ask(_ bolts: [BoltView], _ session: Session) async throws -> [Line] {
        try await withThrowingTaskGroup(of: (Int, Line).self) { group in
            for (index, bolt) in bolts.enumerated() {
                let client = try session.client(of: bolt.address)
                group.addTask {
                    defer { client.close() }
                    do throws(ClientError) {
                        let answer: SealStatusResponse = try await client.call(.sealStatus)
                        return (index, Line(bolt: bolt.fullName, address: bolt.address, answer: answer, error: nil))
                    } catch {
                        let why = error.attempts.first?.reason ?? error.detail
                        return (index, Line(bolt: bolt.fullName, address: bolt.address, answer: nil, error: why))
                    }
                }
            }
            var lines: [(Int, Line)] = []
            for try await line in group { lines.append(line) }
            return lines.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Where a partition's primary is, by its own word. Waits a moment for one: the reign may be changing hands.
    static func primary(of partition: PartitionName, _ session: Session) async throws -> Line {
        let bolts = try await bolts(of: partition, session)
        var last: [Line] = []
        let found: Line? = try await Waiting.until(seconds: 3, every: .milliseconds(200)) {
            last = try await ask(bolts, session)
            // Where all that answer are sealed nobody will be primary by waiting.
            let isHopeless = last.allSatisfy { $0.answer == nil || $0.answer?.state == .sealed }
            return last.first { $0.answer?.isPrimary == true } ?? (isHopeless ? last.first : nil)
        }
        if let found, found.answer?.isPrimary == true { return found }
        if last.contains(where: { $0.answer?.state == .sealed }) {
            throw CommandFailure(
                "sealed", "partition \(partition) has no primary: bolts of it are sealed",
                reason: last.map { "\($0.bolt): \($0.answer?.state.rawValue ?? $0.error ?? "no answer")" }
                    .joined(separator: "; "),
                next: "boltctl seal unseal --key-file FILE", status: .refused)
        }
        let isSilent = last.allSatisfy { $0.answer == nil }
        throw CommandFailure(
            isSilent ? "unreachable" : "no_primary", "partition \(partition) has no primary that can be asked",
            next: "boltctl partition show \(partition)", status: .unavailable,
            attempts: last.filter { $0.answer == nil }.map { .init(address: $0.address, reason: $0.error ?? "") })
    }

    /// Whose copy of what a partition keeps to read: the primary's, else that of a bolt that answers, one with the keys
    /// where there is one.
    static func holder(of partition: PartitionName, _ session: Session) async throws -> Line {
        do { return try await primary(of: partition, session) } catch let failure as CommandFailure {
            guard ["sealed", "no_primary"].contains(failure.code) else { throw failure }
            let lines = try await ask(bolts(of: partition, session), session)
            guard let line = copy(among: lines) else { throw failure }
            return line
        }
    }

    /// Of those that answered one that is unsealed, else any.
    static func copy(among lines: [Line]) -> Line? {
        lines.first { $0.answer?.state == .unsealed } ?? lines.first { $0.answer != nil }
    }

    static func table(_ lines: [Line]) -> String {
        var table = TextTable("BOLT", "ADDRESS", "SEAL", "PRIMARY", "KEYRING", "KEY", "DATA KEYS", "KEY FILE", "NOTE")
        for line in lines {
            let (answer, keyring) = (line.answer, line.answer?.keyring)
            table.row(
                line.bolt, line.address, answer?.state.rawValue, answer.map { $0.isPrimary ? "yes" : "no" },
                keyring.map { String($0.id.description.prefix(8)) }, keyring.map { "\($0.lock)" },
                keyring.map { "\($0.dataKeys)" }, answer.map { $0.hasKeyFile ? "yes" : "no" },
                line.error ?? answer?.reasons.first
                    ?? (answer?.isMemoryLocked == false ? "keys may get into swap" : nil))
        }
        return table.text
    }
}
