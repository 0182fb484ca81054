import BoltAPI
import BoltClient
import CRDT
import Spanner

/// What each bolt says of the registers, asked of each bolt itself and of all at once.
enum SliceDigests {
    /// One bolt's answer, or why there is none.
    struct Line: Encodable, Sendable {
        let address: String
        /// Who should be there, by the roster; nil where no bolt of it has this address.
        let bolt: String?
        let answer: SliceDigestResponse?
        let error: String?
        /// The stable kind of the problem that it answered with; nil where it answered with none.
        var code: Problem.Code?

        /// Who it is, for people.
        var name: String { answer?.bolt ?? bolt ?? address }
    }

    /// Who was asked, and who was not.
    struct Asked: Sendable {
        let lines: [Line]
        /// Bolts of the mesh that nobody named, so that they were not asked; by full name.
        var unasked: [String] = []
    }

    /// Every bolt of the mesh; where the command line names bolts, these alone.
    static func askAll(_ session: Session) async throws -> Asked {
        let known: BoltsResponse = try await session.client.call(.bolts)
        let bolts = known.bolts.filter { $0.standing == .active }
        guard !session.isNamed else {
            let named = session.context.bolts
            let lines = try await ask(
                named.map { address in (address, bolts.first { $0.address == address }?.fullName) }, session)
            // By name too: an address on the command line may be another way to say one of the roster.
            let answered = Set(lines.map(\.name))
            let rest = bolts.filter { !named.contains($0.address) && !answered.contains($0.fullName) }
            return Asked(lines: lines, unasked: rest.map(\.fullName).sorted())
        }
        return Asked(lines: try await ask(bolts.map { ($0.address, $0.fullName) }, session))
    }

    /// One line a place, in their order.
    static func ask(_ places: [(address: String, bolt: String?)], _ session: Session) async throws -> [Line] {
        try await withThrowingTaskGroup(of: (Int, Line).self) { group in
            for (index, place) in places.enumerated() {
                let client = try session.client(of: place.address)
                group.addTask {
                    defer { client.close() }
                    do throws(ClientError) {
                        let answer: SliceDigestResponse = try await client.call(.sliceDigest)
                        return (index, Line(address: place.address, bolt: place.bolt, answer: answer, error: nil))
                    } catch {
                        let reason = error.attempts.first?.reason ?? error.detail
                        let line = Line(
                            address: place.address, bolt: place.bolt, answer: nil, error: reason,
                            code: error.problem?.code)
                        return (index, line)
                    }
                }
            }
            var lines: [(Int, Line)] = []
            for try await line in group { lines.append(line) }
            return lines.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// All slices of a group as one bolt knows them.
    static func slices(_ group: GroupName, from client: BoltClient) async throws(ClientError) -> [SliceView] {
        var (slices, after) = ([SliceView](), String?.none)
        repeat {
            let page: SlicesResponse = try await client.call(
                .slices, query: [("group", group.text), ("after", after), ("limit", "\(APILimits.pageCountMax)")])
            slices += page.slices
            guard !page.slices.isEmpty, page.nextAfter != after else { break }
            after = page.nextAfter
        } while after != nil && slices.count < TopologyLimits.slicesMax
        return slices
    }
}
