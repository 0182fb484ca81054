import CRDT
import Foundation
import Spanner
import Testing

@testable import Lease

/// What the tests campaign with.
enum Sample {
    static let mesh = MeshID(Bytes32(words: (1, 2, 3, 4)))

    static func bolt(_ number: UInt64) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (number, 0, 0, 7)), incarnation: number << 40)
    }

    /// Short, so that tests are quick; etcd counts whole seconds.
    static let leases: LeaseSettings = {
        var settings = LeaseSettings()
        (settings.ttl, settings.renewInterval, settings.requestTimeout) = (.seconds(2), .milliseconds(500), .seconds(1))
        (settings.pollInterval, settings.retryMax) = (.milliseconds(100), .milliseconds(500))
        return settings
    }()

    static func etcd(_ endpoints: [String]) -> EtcdSettings {
        var settings = EtcdSettings(endpoints: endpoints)
        // The etcd at hand may well be an old one; that it is refused has a test of its own.
        settings.acceptOldEtcd = true
        return settings
    }

    static func lease(
        _ endpoints: [String], _ bolt: UInt64 = 1, _ change: (inout EtcdSettings) -> Void = { _ in }
    ) throws -> EtcdLease {
        var settings = etcd(endpoints)
        change(&settings)
        return try EtcdLease(settings, mesh: mesh, partition: partition(), me: self.bolt(bolt))
    }

    static func partition() throws -> PartitionName { try #require(PartitionName("a")) }

    static func file(_ content: String, mode: Int = 0o600) throws -> String {
        let path = try Scratch.directory() + "/file"
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }
}

extension EtcdLease {
    func ask(_ request: LeaseRequest, within: Duration = .seconds(10)) async throws -> LeaseAnswer {
        try await perform(request, within: within)
    }

    func view() async throws -> LeaseView {
        guard case .observed(let view) = try await ask(.observe) else { throw LeaseFailure.refused("no view") }
        return view
    }

    /// A campaign that must be won.
    func win(_ ttl: Duration = .seconds(2)) async throws -> LeaseToken {
        guard case .granted(let token, _, _) = try await ask(.campaign(ttl: ttl)) else {
            throw LeaseFailure.refused("occupied")
        }
        return token
    }
}

/// Directories that go with the process.
enum Scratch {
    private static let base: String = {
        let path = NSTemporaryDirectory() + "bolt-lease-\(UUID().uuidString)"
        atexit { try? FileManager.default.removeItem(atPath: Scratch.base) }
        return path
    }()

    static func directory() throws -> String {
        let path = "\(base)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
