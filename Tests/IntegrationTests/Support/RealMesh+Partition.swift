import Foundation
import Testing

/// A bolt did not say it, at this moment: whoever waits asks again.
struct Unheard: Error {
    let what: String
}

/// What bolts say of their partition, by their metrics: plain text, from each bolt about itself.
extension RealMesh {
    /// Gauges of a bolt's part in its partition.
    struct Part {
        let role: String
        let epoch: Int
        let tip: Int
        let safe: Int
        let inSync: Int

        var reigns: Bool { role == "primary" }
    }

    func part(_ bolt: Bolt) throws -> Part {
        let text = try HTTP.get("http://\(bolt.ops)/metrics").body
        func gauge(_ name: String) throws -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            let number = line?.split(separator: " ").last.flatMap { Double($0) }
            guard let value = number else { throw Unheard(what: name) }
            return Int(value)
        }
        let role = text.split(separator: "\n").first {
            $0.hasPrefix("bolt_partition_role{") && $0.hasSuffix(" 1")
        }
        let word = role?.split(separator: "\"").dropFirst().first.map(String.init)
        guard let word else { throw Unheard(what: "the role of \(bolt.name)") }
        return Part(
            role: word, epoch: try gauge("bolt_partition_epoch"), tip: try gauge("bolt_partition_tip"),
            safe: try gauge("bolt_partition_safe"), inSync: try gauge("bolt_partition_in_sync"))
    }

    /// Promotes a bolt as a script does: looks first, and holds it to what was seen. Gives the refusal of either.
    func promote(_ bolt: Bolt, timeout: Int = 10, reason: String = "test") throws -> Command.Output {
        let line = ["partition", "promote", bolt.partition, "--to", bolt.name, "--bolt", bolt.address, "-o", "json"]
        let check = try Command.run("boltctl", line + ["--check"], environment: environment)
        guard check.status == 0 else { return check }
        let point = (check.json?["result"] as? [String: Any])?["point"] as? String
        let seen = try #require(point, "\(check)")
        return try Command.run(
            "boltctl", line + ["--expect", seen, "--yes", "--reason", reason, "--timeout", "\(timeout)"],
            environment: environment)
    }

    /// The one bolt of a partition that reigns.
    func primary(of partition: String) throws -> Bolt {
        let reigning = try bolts.filter { $0.partition == partition && $0.isRunning }.filter { try part($0).reigns }
        guard reigning.count == 1 else {
            throw Unheard(what: "one primary of \(partition): \(reigning.map(\.name)) reign")
        }
        return reigning[0]
    }

    /// Waits until a partition has a primary, and so many bolts are in sync with it; gives the primary. Under load the
    /// last record is seldom safe already.
    @discardableResult
    func waitForSync(
        of partition: String, bolts count: Int, seconds: TimeInterval = 30, underLoad: Bool = false,
        location: SourceLocation = #_sourceLocation
    ) throws -> Bolt {
        var found: Bolt?
        try waitUntil("\(count) bolts of \(partition) are in sync", seconds: seconds, location: location) {
            let primary = try self.primary(of: partition)
            let part = try self.part(primary)
            guard part.inSync == count, underLoad || part.safe == part.tip else { return false }
            found = primary
            return true
        }
        return try #require(found)
    }

    /// Starts a bolt that does not run, and waits until it listens, whatever it is.
    func launch(_ bolt: Bolt) throws {
        try spawn(bolt)
        try waitUntil("\(bolt.name) listens") { try HTTP.get("http://\(bolt.ops)/livez").status == 200 }
    }

    /// Adds sections to a bolt's configuration.
    func set(_ sections: String, in bolt: Bolt) throws {
        let text = try String(contentsOfFile: bolt.config, encoding: .utf8)
        try (text + "\n" + sections).write(toFile: bolt.config, atomically: true, encoding: .utf8)
    }

    /// What a bolt wrote since it was launched here.
    func log(_ bolt: Bolt) -> String { launched[bolt.name]?.text ?? "" }

    /// An operator declares a bolt gone for good, once the others have missed it for long enough.
    func declareDead(_ bolt: Bolt, askedOf other: Bolt, reason: String = "test", seconds: TimeInterval = 30) throws {
        try waitUntil("\(bolt.name) may be declared dead", seconds: seconds) {
            try ctl(
                "bolt", "remove", bolt.name, "--dead", "--yes", "--reason", reason, "--bolt", other.address
            ).status == 5
        }
    }

    /// The machine of a removed bolt joins anew, with new keys and an empty disk, under the old name.
    func rejoin(_ bolt: Bolt, askedOf other: Bolt) throws {
        let (request, invitation) = (file("again.csr"), file("again.json"))
        try FileManager.default.removeItem(atPath: bolt.identity)
        try? FileManager.default.removeItem(atPath: bolt.state)
        try done("bolt", "join", "--dir", bolt.identity, "--request", request)
        try done(
            "bolt", "invite", "--authority", directory + "/authority", "--request", request, "--name", bolt.letter,
            "--partition", bolt.partition, "--address", bolt.address, "--out", invitation, "--yes", "--reason",
            "another disk", "--bolt", other.address)
        try done("bolt", "join", "--dir", bolt.identity, "--invitation", invitation)
        try launch(bolt)
    }
}
