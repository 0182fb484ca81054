import BoltAPI
import CRDT
import Foundation
import Identity
import Spanner
import SpannerStore
import Testing

@testable import Bolt

/// The reader that check-ins are read by understands them as the general one does, or leaves them to it.
@Suite struct CheckInReaderTests {
    private static let queue = "00112233445566778899aabbccddeeff"
    private static let good =
        #"{"traits":{"a":"b","n":[1,{"x":"}"}]},"queue_incarnation":"00112233445566778899aabbccddeeff","first_held":7,"#
        + #""results":[{"sequence":7,"body":"AAEC"},{"body":"","sequence":8}]}"#

    @Test("P5: what envoys send is read in one pass, as the general reader reads it")
    func plain() throws {
        let read = try #require(CheckInReader.read(Data(Self.good.utf8)))
        let whole = try APIJSON.decode(CheckInRequest.self, from: Data(Self.good.utf8))
        #expect(read.queue == whole.queueIncarnation.bytes && read.firstHeld == 7)
        #expect(read.results == whole.results.map { SequencedResult(sequence: $0.sequence, body: $0.body.bytes) })
        #expect(try APIJSON.decode([String: JSONValue].self, from: Data(read.traits)) == whole.traits)
    }

    @Test("P2: what an envoy remembers of its owner is read, with the register and without; half of it is not plain")
    func highest() throws {
        func read(_ highest: String) -> CheckInReader.Reading? {
            CheckInReader.read(Data((Self.good.dropLast() + #","highest":\#(highest)}"#).utf8))
        }
        let hash = String(repeating: "0a", count: 32)
        #expect(read(#"{"register":3,"epoch":4}"#)?.highest == OwnerMark(register: 3, epoch: 4))
        let whole = try #require(read(#"{"epoch":4,"hash":"\#(hash)","register":3}"#))
        #expect(whole.highest == OwnerMark(register: 3, epoch: 4, hash: Bytes32(hex: hash)) && whole.firstHeld == 7)
        #expect(read(#"{"register":3}"#) == nil && read(#"{"epoch":4,"register":3,"hash":"0a"}"#) == nil)
        #expect(read(#"{"epoch":4,"register":3,"epoch":5}"#) == nil && read("null") == nil)
        #expect(CheckInReader.read(Data(Self.good.utf8))?.highest == nil)
    }

    @Test("S8: what an envoy holds of its policy is read; what is no digest is left to the general reader")
    func policy() throws {
        func read(_ more: String) -> CheckInReader.Reading? {
            CheckInReader.read(Data((Self.good.dropLast() + ",\(more)}").utf8))
        }
        let hash = String(repeating: "0a", count: 32)
        let whole = try #require(read(#""held_digest":"\#(hash)","policy_sequence":7"#))
        #expect(whole.policy == HeldPolicy(leaf: Bytes32(hex: hash), sequence: 7))
        #expect(read(#""policy_sequence":0"#)?.policy == HeldPolicy(leaf: nil, sequence: 0))
        #expect(read(#""held_digest":"0a""#) == nil && read(#""held_digest":null"#) == nil)
        #expect(read(#""policy_sequence":-1"#) == nil)
        #expect(CheckInReader.read(Data(Self.good.utf8))?.policy == HeldPolicy())
    }

    @Test("P5: requests as the API's shapes write them are taken, whatever their sizes", arguments: [1, 2, 3])
    func shapes(seed: UInt64) throws {
        var generator = SystemRandomNumberGenerator()
        for count in [0, 1, 5, 200] {
            let first = UInt64.random(in: 1...(1 << 47), using: &generator)
            let results = (0..<UInt64(count)).map { offset in
                let body = (0..<Int.random(in: 0...600)).map { _ in UInt8.random(in: .min ... .max) }
                return EnvoyResult(sequence: first + offset, body: Base64Bytes(body))
            }
            let incarnation = try #require(QueueIncarnation(apiText: Self.queue))
            let request = CheckInRequest(
                traits: ["hostname": .string("w-\(seed)"), "cpus": .integer(4)], queueIncarnation: incarnation,
                firstHeld: first, results: results)
            let read = try #require(CheckInReader.read(try APIJSON.encode(request)))
            #expect(read.firstHeld == first && read.results.map(\.sequence) == results.map(\.sequence))
            #expect(read.results.map(\.body) == results.map(\.body.bytes))
        }
    }

    @Test(
        "what is not plain is left to the general reader, never understood in another way",
        arguments: [
            ("", ""), ("}", "} x"), ("\"first_held\":7", "\"first_held\":7.0"),
            ("\"first_held\":7", "\"first_held\":07"),
            ("\"first_held\":7", "\"first_held\":7e1"), ("\"first_held\":7", "\"first_held\":-7"),
            ("\"first_held\":7", "\"first_held\":\"7\""), ("\"first_held\":7", "\"first_held\":12345678901234567890"),
            ("\"first_held\":7", "\"first_held\":7,\"first_held\":8"), ("\"first_held\":7,", ""),
            ("\"first_held\":7", "\"first_held\":7,\"other\":1"), ("AAEC", "AAE"), ("AAEC", "A\\u0041EC"),
            ("AAEC", "A_EC"), ("0011", "001"), ("0011", "00zz"), ("\"a\":\"b\"", "\"a\":\"\\n\""),
            ("\"a\":\"b\"", "\"a\":\"é\""), ("\"sequence\":7", "\"sequence\":7,\"sequence\":7"),
            ("\"sequence\":7,", ""), ("[{\"seq", "[,{\"seq"), ("]}", "}"), ("{\"traits\":{", "{\"traits\":[{"),
        ])
    func strange(_ part: String, _ other: String) throws {
        guard !part.isEmpty else {
            for length in 0..<Self.good.utf8.count {
                #expect(CheckInReader.read(Data(Self.good.utf8.prefix(length))) == nil, "cut at \(length)")
            }
            return
        }
        let changed = Self.good.replacingOccurrences(of: part, with: other)
        #expect(changed != Self.good)
        #expect(CheckInReader.read(Data(changed.utf8)) == nil, "\(changed)")
    }

    @Test("the answer to a check-in says what its shape says")
    func answer() throws {
        let partition = try #require(PartitionName("north"))
        let bolt = BoltAddress(name: try #require(BoltName("a")), partition: partition, address: "127.0.0.1:7440")
        let receipt = CheckInReceipt(storedThrough: 9, releaseThrough: 8, level: .local, epoch: 3)
        let bolts = String(decoding: try APIJSON.encode([bolt]), as: UTF8.self)
        let written = CheckInWriter.write(
            receipt, partition: partition, interval: 60, bolts: bolts, isContested: true)
        let shape = CheckInResponse(
            storedThrough: 9, releaseThrough: 8, level: .local, owner: CheckInOwner(partition: partition),
            nextIntervalSeconds: 60, bolts: [bolt], register: 1, epoch: 3, contested: true)
        #expect(written == (try APIJSON.encode(shape)))
        var proved = receipt
        (proved.voucher, proved.signature) = ([1, 2, 255, 62], [7])
        let proof = CheckInWriter.write(
            proved, partition: partition, interval: 60, bolts: bolts, isContested: true)
        let read = try APIJSON.decode(CheckInResponse.self, from: proof)
        #expect(read.claim == Base64Bytes([1, 2, 255, 62]) && read.signature == Base64Bytes([7]))
        #expect(read.storedThrough == 9 && read.boltsSignature == nil)
        var signed = receipt
        signed.bolts = SignedEnvoyBolts(json: bolts, number: 1_700_000_000_123, signature: [9, 255])
        let said = CheckInWriter.write(signed, partition: partition, interval: 60, bolts: bolts, isContested: true)
        var shapeOfThat = shape
        shapeOfThat.boltsSignature = CheckInBoltsSignature(
            number: 1_700_000_000_123, signature: Base64Bytes([9, 255]))
        #expect(said == (try APIJSON.encode(shapeOfThat)))
    }

    /// An envoy was told that its owner had stored what another bolt kept while all of the owner was dead.
    @Test("P6: what is kept for an owner that is away is not told as stored by it")
    func custody() throws {
        let partition = try #require(PartitionName("south"))
        let receipt = CheckInReceipt(
            storedThrough: 3, releaseThrough: 0, level: .local, epoch: 3, keptBy: "c.west")
        let written = CheckInWriter.write(receipt, partition: partition, interval: 60, bolts: "[]", isContested: false)
        let shape = CheckInResponse(
            storedThrough: 3, releaseThrough: 0, level: .custody, owner: CheckInOwner(partition: partition),
            nextIntervalSeconds: 60, bolts: [], register: 1, epoch: 3, contested: false,
            custody: CheckInCustody(keptBy: "c.west"))
        #expect(written == (try APIJSON.encode(shape)))
        let read = try APIJSON.decode(CheckInResponse.self, from: written)
        #expect(read.level == .custody && read.level < .local && read.custody?.keptBy == "c.west")
    }

    @Test("traits are known again only where the same envoy sends the same bytes")
    func memory() {
        let memory = TraitsMemory()
        let (ada, bob) = (PrincipalID(high: 0, low: 1), PrincipalID(high: 0, low: 2))
        let traits = EnvoyRecord.Traits(digest: BLAKE2b.hash([1]), document: [1])
        memory.remember([1, 2], as: traits, of: ada)
        #expect(memory.known([1, 2], of: ada) == traits)
        #expect(memory.known([1, 3], of: ada) == nil && memory.known([1, 2], of: bob) == nil)
    }
}
