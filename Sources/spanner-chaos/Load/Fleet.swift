import ChaosKit
import Foundation
import Identity

/// All writers: real envoys, enrolled by a token.
struct Fleet: Sendable {
    let writers: [Writer]

    /// Enrols so many at the mesh.
    init(count: Int, of mesh: ChaosMesh, seed: UInt64) async throws {
        let token = try await mesh.control(["envoy", "token", "create", "--uses", "\(count)"])
        guard token.code == 0, let text = JSON(token.text)["token"].text else {
            throw ChaosFailure("no token: exit \(token.code)\n\(token.errors)")
        }
        let addresses = mesh.bolts.map(\.address)
        let folder = mesh.directory + "/fleet"
        try await Program.done(
            [mesh.programs + "/bolt-envoy", "simulate", "--count", "\(count)", "--passes", "0", "--concurrency", "4"]
                + ["--dir", folder, "--prefix", "w", "--token", text, "-o", "json"]
                + addresses.flatMap { ["--mesh", $0] }, seconds: 180)
        writers = try (0..<count).map { number in
            let name = "w-\(number + 1)"
            return try Writer(
                number: number, name: name, identity: EnvoyIdentity.load(directory: "\(folder)/\(name)/identity"),
                addresses: addresses, seed: seed)
        }
    }

    /// What a writer does from now on.
    func enter(_ phase: Writer.Phase) async { for writer in writers { await writer.enter(phase) } }

    /// Waits until no writer holds anything; gives how many results wait when the time is over.
    func waitUntilEmpty(seconds: Double) async throws -> UInt64 {
        var waiting: UInt64 = 0
        let empty: Bool? = try await Waiting.until(seconds: seconds) {
            waiting = 0
            for writer in writers { waiting += await writer.waiting }
            return waiting == 0 ? true : nil
        }
        return empty == true ? 0 : waiting
    }

    /// What all of them were told.
    func histories() async -> [WriterHistory] {
        var all: [WriterHistory] = []
        for writer in writers { all.append(await writer.told) }
        return all
    }
}
