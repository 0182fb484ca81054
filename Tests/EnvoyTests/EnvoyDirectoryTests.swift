import BoltAPI
import Foundation
import Identity
import Spanner
import SpannerStore
import Testing

@testable import Envoy

/// An agent's state on disk: enrolled or not, readable or not, nothing in between.
@Suite struct EnvoyDirectoryTests {
    private func profile(_ id: PrincipalID) throws -> EnvoyDirectory.Profile {
        EnvoyDirectory.Profile(
            id: id, name: try #require(PrincipalName("web-1")), partition: PartitionName(checked: "north"),
            group: GroupName(checked: "default"), bolts: [try Names.bolt("north", at: "127.0.0.1:7440")])
    }

    @Test("a profile comes back as it was saved; without a group and bolts too")
    func profileRoundTrip() throws {
        let scratch = try Scratch()
        var profile = try profile(PrincipalID(high: 1, low: 2))
        try scratch.state.save(profile)
        #expect(try scratch.state.profile() == profile)
        (profile.group, profile.bolts) = (nil, [])
        try scratch.state.save(profile)
        #expect(try scratch.state.profile() == profile)
    }

    @Test("a directory is enrolled once keys, certificates and profile are there, and not before")
    func enrolment() throws {
        let scratch = try Scratch()
        let state = scratch.state
        #expect(!state.isEnrolled)
        #expect(throws: IdentityError.self) { _ = try state.profile() }
        let authority = try MeshAuthority.create(
            directory: scratch.file("mesh"), name: "acme", passphrase: nil, dev: true,
            operatorName: OperatorName(checked: "alice"))
        let boltRequest = try BoltIdentity.prepare(directory: scratch.file("bolt"))
        let grant = try authority.issueBolt(
            boltRequest, partition: PartitionName(checked: "north"), name: BoltName(checked: "a"),
            addresses: ["127.0.0.1:7440"])
        let bolt = try BoltIdentity.install(grant, directory: scratch.file("bolt"))
        try state.make()
        let request = try EnvoyIdentity.prepare(directory: state.identityPath)
        #expect(!state.isEnrolled)
        // A second try keeps the keys: the same machine asks again.
        let again = try EnvoyIdentity.prepare(directory: state.identityPath)
        #expect(again.sealingKey == request.sealingKey)
        #expect(again.certificateRequest.publicKey.fingerprint == request.certificateRequest.publicKey.fingerprint)
        let id = PrincipalID(high: 3, low: 4)
        let chain = try bolt.envoyIssuer.issueEnvoy(
            request.certificateRequest, principal: id, sealingKey: request.sealingKey)
        _ = try EnvoyIdentity.install(chain: chain, root: authority.root, directory: state.identityPath)
        #expect(!state.isEnrolled)
        try state.save(profile(id))
        #expect(state.isEnrolled)
        #expect(try EnvoyIdentity.load(directory: state.identityPath).principal == state.profile().id)
        #expect(throws: Never.self) { _ = try BoltPort(EnvoyIdentity.load(directory: state.identityPath).credential) }
    }

    @Test("the directory is made with those above it, private to its user, and stays when it is there")
    func made() throws {
        let scratch = try Scratch()
        for path in ["x/y/z", "x/y/z/", "x/y/w", "x"] {
            let state = EnvoyDirectory(scratch.file(path))
            try state.make()
            try state.make()
            let attributes = try FileManager.default.attributesOfItem(atPath: state.path)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
        }
        #expect(throws: IdentityError.self) { try EnvoyDirectory("/proc/none/x").make() }
    }

    @Test("a relative path is made absolute at once: what applies a policy takes no other, and each pass failed")
    func relative() throws {
        let here = FileManager.default.currentDirectoryPath
        for path in ["state", "./state", "../state", "a/b/"] {
            let state = EnvoyDirectory(path)
            #expect(state.path == (here == "/" ? "/\(path)" : "\(here)/\(path)"))
            for part in [state.identityPath, state.queuePath] { #expect(part.hasPrefix("/")) }
        }
        #expect(EnvoyDirectory("/x/y").path == "/x/y")
        // Where a policy is put in force is found in the same way; what is up from a link is left to the system.
        #expect(EnvoyDirectory.absolute("a/../b") == EnvoyDirectory("a/../b").path)
        #expect(EnvoyDirectory.absolute("/a/../b") == "/a/../b" && EnvoyDirectory.absolute("") == "")
    }

    @Test("a profile that is cut or foreign is told as such, with what to do")
    func damagedProfile() throws {
        let scratch = try Scratch()
        try scratch.state.save(profile(PrincipalID(high: 1, low: 2)))
        for text in ["", "{", "[]", "{\"id\": 5}"] {
            try text.write(toFile: scratch.state.path + "/envoy.json", atomically: true, encoding: .utf8)
            do {
                _ = try scratch.state.profile()
                Issue.record("\(text.debugDescription) was taken")
            } catch {
                #expect(error.code == .malformed)
                #expect(!error.next.isEmpty)
            }
        }
    }

    @Test("P5: a queue keeps its name over restarts and gets another in another place")
    func queueIncarnation() throws {
        let scratch = try Scratch()
        func name(_ state: EnvoyDirectory) throws -> [UInt8] {
            let queue = try state.openQueue()
            let batch = try queue.batch(itemsMax: 1, bytesMax: 1)
            try queue.close()
            return batch.incarnation.bytes
        }
        let first = try name(scratch.state)
        #expect(try name(scratch.state) == first)
        #expect(try name(EnvoyDirectory(scratch.file("other"))) != first)
    }

    /// One that was empty or gone was made anew, and nobody heard that what it held is lost.
    @Test(
        "D4, P6: an agent ends at a queue that is no database any more, leaves it alone and says how to begin anew",
        arguments: ["rubbish", "cut", "empty", "gone"])
    func damagedQueue(kind: String) async throws {
        let scratch = try Scratch()
        let (state, id) = (scratch.state, PrincipalID(high: 1, low: 2))
        let file = state.queuePath + "/queue.db"
        let before: QueueID
        do {
            let queue = try state.openQueue(for: id)
            _ = try queue.append([[1], [2]])
            before = try queue.queues().present.id
            try queue.close()
        }
        let whole = try #require(FileManager.default.contents(atPath: file))
        let left: Data? =
            switch kind {
            case "rubbish": Data("this is no database, but a text of some length".utf8)
            case "cut": whole.prefix(whole.count / 2)
            case "empty": Data()
            case _: nil
            }
        try FileManager.default.removeItem(atPath: file)
        if let left {
            try #require(
                FileManager.default.createFile(
                    atPath: file, contents: left, attributes: [.posixPermissions: 0o600]))
        }
        for _ in 1...2 {
            do {
                _ = try await state.openQueue(for: id, waiting: .zero)
                Issue.record("a queue that is \(kind) was taken")
            } catch {
                #expect(error.code == .corrupt && !error.stateChanged)
                #expect(error.next.contains("mv \(state.queuePath) ") && error.why.contains("no policy"))
            }
            #expect(FileManager.default.contents(atPath: file) == left)
        }
        try FileManager.default.moveItem(atPath: state.queuePath, toPath: state.queuePath + ".damaged")
        let queue = try state.openQueue(for: id)
        #expect(try queue.queues().present.id != before)
        #expect(try queue.held().items == 0)
        try queue.close()
    }

    @Test("two agents cannot have one queue")
    func locked() throws {
        let scratch = try Scratch()
        let queue = try scratch.state.openQueue()
        do {
            _ = try scratch.state.openQueue()
            Issue.record("opened twice")
        } catch { #expect(error.code == .locked) }
        try queue.close()
    }

    @Test("an agent whose state can't be written says that no policy is put in force, and what to do; then it begins")
    func unwritableAtStart() async throws {
        let scratch = try Scratch()
        let (state, id) = (scratch.state, PrincipalID(high: 1, low: 2))
        try state.openQueue(for: id).close()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: state.queuePath)
        do {
            _ = try await state.openQueue(for: id, waiting: .zero)
            Issue.record("others may write to it")
        } catch {
            #expect(error.code == .permissions && error.why.contains("no policy is put in force"))
            #expect(error.next.contains("read-only") && error.next.contains(state.path))
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: state.queuePath)
        try await state.openQueue(for: id, waiting: .zero).close()
    }

    @Test("an agent that starts while a command looks at its queue waits for it; one that another has, it reports")
    func lockedForAMoment() async throws {
        let scratch = try Scratch()
        let (state, id) = (scratch.state, PrincipalID(high: 1, low: 2))
        let opening: Task<QueueID?, any Error>
        do {
            let holder = try state.openQueue(for: id)
            await #expect(throws: StoreError.self) { _ = try await state.openQueue(for: id, waiting: .zero) }
            opening = Task {
                let queue = try await state.openQueue(for: id, waiting: .seconds(30))
                guard case .current(let value) = queue.incarnation else { return nil }
                return value
            }
            await Task.yield()
            try holder.close()
        }
        #expect(try await opening.value != nil)
    }
}
