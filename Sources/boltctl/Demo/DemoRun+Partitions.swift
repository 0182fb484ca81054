import BoltAPI
import BoltClient
import CRDT
import Foundation
import Spanner

/// What the steps about partitions are made of.
extension DemoRun {
    /// Writers of one partition that run at a time.
    static let writersMax = 6

    /// The partition that serves most of the enrolled machines, with those machines' directories.
    func busiestPartition() async throws -> (name: PartitionName, envoys: [(name: String, directory: String)]) {
        let client = try mesh.session().client(of: mesh.bolts[0].bolt.address)
        defer { client.close() }
        let page: EnvoysResponse = try await client.call(.envoys, query: [("limit", "\(APILimits.pageCountMax)")])
        let owners = Dictionary(
            page.envoys.map { ($0.name.text, $0.owner) }, uniquingKeysWith: { first, _ in first })
        let served = Dictionary(grouping: envoys) { owners[$0.name] ?? nil }
        let busiest = served.filter { $0.key != nil }.max { left, right in
            (left.value.count, right.key?.text ?? "") < (right.value.count, left.key?.text ?? "")
        }
        guard let busiest, let name = busiest.key else {
            throw CommandFailure("not_found", "no partition serves an enrolled machine")
        }
        return (name, Array(busiest.value.prefix(Self.writersMax)))
    }

    /// Writers of a partition, who ask its bolts in turn.
    func load(_ envoys: [(name: String, directory: String)], of partition: PartitionName) throws -> DemoLoad {
        let addresses = mesh.bolts.filter { $0.partition == partition }.map(\.bolt.address)
        return DemoLoad(
            try envoys.enumerated().map { place, envoy in
                let turned = Array(addresses[(place % addresses.count)...] + addresses[..<(place % addresses.count)])
                return try LoadWriter(
                    name: envoy.name, identity: "\(envoy.directory)/identity", addresses: turned)
            })
    }

    /// A partition as a bolt sees it; nil where it does not answer.
    func view(_ partition: PartitionName, at bolt: LocalBolt) async throws -> PartitionView? {
        let client = try mesh.session().client(of: bolt.bolt.address)
        defer { client.close() }
        let answer: PartitionResponse? = try? await client.call(.partition, [partition.text])
        return answer?.partition
    }

    /// Waits until a partition's bolts say that it is whole again: a primary, and all of its bolts in sync.
    func waitForRedundancy(_ partition: PartitionName, seconds: Double = 30) async throws -> PartitionView? {
        let bolts = mesh.bolts.filter { $0.partition == partition }
        return try await Waiting.until(seconds: seconds, every: .milliseconds(20)) {
            for bolt in bolts {
                guard let view = try await view(partition, at: bolt), view.primary != nil,
                    view.inSync == bolts.count
                else { return nil }
            }
            return try await view(partition, at: bolts[0])
        }
    }

    /// Waits for so many answers more.
    func waitForAnswers(_ count: Int, of load: DemoLoad, seconds: Double = 30) async throws -> Bool {
        let wanted = await load.count() + count
        let done: Bool? = try await Waiting.until(seconds: seconds, every: .milliseconds(5)) {
            await load.count() >= wanted ? true : nil
        }
        return done ?? false
    }

    /// Ends the load and notes whether everything that was called safe is there, and the rest arrives.
    func recordLoad(_ step: String, _ load: DemoLoad) async throws {
        await load.stop()
        let (whole, seconds) = try await timed {
            var whole = true
            for writer in load.writers { whole = try await writer.finish(seconds: 30) && whole }
            return whole
        }
        let (safe, lost) = await load.tally()
        record(
            step, "nothing acknowledged as paired is lost", lost == 0 && whole && safe > 0, seconds,
            "\(safe) results safe, \(lost) lost")
    }

    /// The local bolt of a full name.
    func bolt(_ name: String?) throws -> LocalBolt {
        guard let found = mesh.bolts.first(where: { $0.fullName == name }) else {
            throw CommandFailure("no_primary", "no bolt says to be primary")
        }
        return found
    }
}
