import CRDT
import Spanner
import Testing

@testable import SpannerStore

@Suite struct RosterForkStoreTests {
    private func proof(_ number: UInt64, after counter: UInt64) -> ForkProof {
        ForkProof(
            replica: Writer(number).replica, agreedThrough: counter, base: Bytes32(words: (number, 2, 3, 4)),
            ForkProof.Story(bodies: [[1, 2]], signature: [UInt8](repeating: 5, count: 64)),
            ForkProof.Story(bodies: [[1, 1], [7]], signature: [UInt8](repeating: 6, count: 64)))
    }

    @Test("R6: proofs are there after a crash, both stories whole; of one replica the lowest stays")
    func proofsSurvive() throws {
        let scratch = try Scratch()
        do {
            let store = try BoltStore(path: scratch.file("a"))
            #expect(try store.roster.forks().isEmpty)
            try store.roster.record(proof(2, after: 9))
            try store.roster.record(proof(1, after: 4))
            try store.roster.record(proof(2, after: 3))
            try store.roster.record(proof(2, after: 7))
            copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        }
        let store = try BoltStore(path: scratch.file("b"))
        #expect(try store.roster.forks() == [proof(1, after: 4), proof(2, after: 3)])
    }

    @Test("D4: a proof that is not what was written is told, not believed")
    func rot() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        try store.roster.record(proof(1, after: 4))
        try store.database.run(
            "UPDATE fork SET proof = CAST(substr(proof, 1, 60) || x'77' || substr(proof, 62) AS BLOB)")
        #expect(storeError { _ = try store.roster.forks() }?.code == .corrupt)
    }
}
