import CRDT
import Spanner
import Testing

@testable import SpannerStore

/// What an envoy goes on from without a server: the old policy or the new one, whole, and damage is found before
/// anything is done by it (D1, D3, D4).
@Suite struct PolicyCacheTests {
    private func policy(_ number: UInt8, box: [UInt8]? = nil) -> CachedPolicy {
        CachedPolicy(
            sight: [number, 1], grant: [number, 2], body: [UInt8](repeating: number, count: 20_000), box: box,
            machine: [number, 5], acceptedAt: WallTime(milliseconds: UInt64(number) * 1_000))
    }

    private func open(_ path: String) throws -> QueueStore {
        let store = try QueueStore(path: path)
        if case .renewalNeeded = store.incarnation { try store.renewIncarnation(to: queueID(1)) }
        return store
    }

    @Test("a policy comes back as it was accepted, over a restart; the next takes its place, box and all")
    func roundTrip() throws {
        let scratch = try Scratch()
        do {
            let store = try open(scratch.path)
            #expect(try store.policy.load() == .none)
            #expect(try store.policy.sight() == nil)
            try store.policy.accept(policy(1, box: [7, 7]))
            try store.close()
        }
        let store = try open(scratch.path)
        #expect(try store.policy.load() == .whole(policy(1, box: [7, 7])))
        try store.policy.accept(policy(2))
        #expect(try store.policy.load() == .whole(policy(2)))
        var later = policy(2)
        later.sight = [9]
        try store.policy.remember(sight: [9], at: WallTime(milliseconds: 9_000))
        later.machine = [8]
        try store.policy.remember(machine: [8], at: WallTime(milliseconds: 9_500))
        #expect(try store.policy.load() == .whole(later))
        try store.policy.discard()
        try store.policy.remember(machine: [7], at: noon)
        #expect(try store.policy.load() == .none && store.policy.sight() == [9], "what was seen stays")
        try store.policy.forget()
        #expect(try store.policy.sight() == nil)
    }

    @Test("D1: killed within an acceptance, the files open as the policy of before; after it, as the new one")
    func killed() throws {
        let scratch = try Scratch()
        let store = try open(scratch.file("live"))
        try store.database.execute("PRAGMA cache_size = 4")
        try store.policy.accept(policy(1, box: [1]))
        try store.database.transaction { () throws(StoreError) in
            copyFiles(from: scratch.file("live"), to: scratch.file("before"))
            try store.policy.accept(policy(2, box: [2]))
            copyFiles(from: scratch.file("live"), to: scratch.file("within"))
            try store.policy.setInForce(["exec:a": Bytes32.zero])
            copyFiles(from: scratch.file("live"), to: scratch.file("late"))
        }
        copyFiles(from: scratch.file("live"), to: scratch.file("after"))
        for name in ["before", "within", "late"] {
            let left = try open(scratch.file(name))
            #expect(try left.policy.load() == .whole(policy(1, box: [1])), "\(name)")
            #expect(try left.policy.inForce().isEmpty)
        }
        let left = try open(scratch.file("after"))
        #expect(try left.policy.load() == .whole(policy(2, box: [2])))
        #expect(try left.policy.inForce() == ["exec:a": Bytes32.zero])
    }

    @Test("D4: a part that is not what was written, or is missing, is told by its name", arguments: 1...5)
    func damage(part: Int) throws {
        let scratch = try Scratch()
        let store = try open(scratch.path)
        try store.policy.accept(policy(1, box: [1, 2, 3]))
        try store.database.run("UPDATE policy SET bytes = x'00' WHERE part = ?1", .integer(Int64(part)))
        guard case .damaged(let why) = try store.policy.load() else {
            Issue.record("damage of part \(part) was not found")
            return
        }
        #expect(why.contains(["sight", "grant", "body", "box", "machine"][part - 1]), "\(why)")
        #expect(try store.policy.isSightDamaged() == (part == 1))
        #expect(try (store.policy.sight() == nil) == (part == 1))
        try store.database.run("DELETE FROM policy WHERE part = ?1", .integer(Int64(part)))
        // A policy without a box is one that names no secrets: the leaf says which it is.
        if part != 4 {
            guard case .damaged = try store.policy.load() else {
                Issue.record("part \(part) is missing and was not missed")
                return
            }
        }
        try store.policy.accept(policy(2))
        #expect(try store.policy.load() == .whole(policy(2)), "fetched anew")
    }

    @Test("parts that changed places are found: each checksum is of its place")
    func exchanged() throws {
        let scratch = try Scratch()
        let store = try open(scratch.path)
        try store.policy.accept(policy(1))
        try store.database.run("UPDATE policy SET part = 4 WHERE part = 2")
        try store.database.run("UPDATE policy SET part = 2 WHERE part = 3")
        try store.database.run("UPDATE policy SET part = 3 WHERE part = 4")
        guard case .damaged = try store.policy.load() else {
            Issue.record("grant and body changed places unseen")
            return
        }
    }

    @Test("what is in force is what was told last, and bounded")
    func inForce() throws {
        let scratch = try Scratch()
        let store = try open(scratch.path)
        let (one, two) = (Bytes32(words: (1, 0, 0, 0)), Bytes32(words: (2, 0, 0, 0)))
        try store.policy.setInForce(["a": one, "b": one])
        try store.policy.setInForce(["b": two, "ä": one])
        #expect(try store.policy.inForce() == ["b": two, "ä": one])
        let many = (0..<PolicyCacheStore.inForceMax + 5).map { ("r\($0)", one) }
        try store.policy.setInForce(Dictionary(uniqueKeysWithValues: many))
        #expect(try store.policy.inForce().count == PolicyCacheStore.inForceMax)
    }
}
