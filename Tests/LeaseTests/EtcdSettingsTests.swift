import CRDT
import Foundation
import Spanner
import Testing

@testable import Lease

@Suite("Lease: settings, versions and words of etcd")
struct EtcdSettingsTests {
    @Test("each broken rule is named, all at once")
    func violations() {
        func count(_ endpoints: [String], _ change: (inout EtcdSettings) -> Void = { _ in }) -> Int {
            var settings = EtcdSettings(endpoints: endpoints)
            change(&settings)
            return settings.violations.count
        }
        #expect(count(["http://127.0.0.1:2379"]) == 0)
        #expect(count(["http://localhost", "http://[::1]:99/"]) == 0)
        #expect(count(["https://a.example:2379", "https://b.example"]) { $0.caFile = "ca" } == 0)
        #expect(count([]) == 1)
        #expect(count(Array(repeating: "http://127.0.0.1", count: 17)) == 1)
        #expect(count(["http://10.0.0.1:2379"]) == 1, "plain, to another machine")
        #expect(count(["http://127.evil.example"]) == 1)
        #expect(count(["https://a.example"]) == 1, "no CA")
        #expect(count(["https://a.example", "http://127.0.0.1"]) { $0.caFile = "ca" } == 1)
        for text in [
            "a.example:2379", "ftp://a", "http://", "http://a:b", "http://u@a", "http://a/x", "http://a:70000",
        ] {
            #expect(count([text]) == 1, "\(text)")
        }
        #expect(count(["http://127.0.0.1"]) { $0.certificateFile = "c" } == 1)
        #expect(count(["http://127.0.0.1"]) { $0.user = "bolt" } == 1)
        for prefix in ["bolt", "/bolt/", "/", "/a b", "/" + String(repeating: "x", count: 200)] {
            #expect(count(["http://127.0.0.1"]) { $0.keyPrefix = prefix } == 1, "\(prefix)")
        }
        #expect(count(["x", "http://10.0.0.1"]) { ($0.user, $0.connectTimeout) = ("u", .zero) } == 4)
    }

    @Test("settings and files that can't be used are refused before anything is asked")
    func refusals() throws {
        func code(_ change: (inout EtcdSettings) -> Void) -> LeaseError.Code? {
            do {
                _ = try Sample.lease(["http://127.0.0.1:1"], 1, change)
                return nil
            } catch { return (error as? LeaseError)?.code }
        }
        let (open, empty, good) = (
            try Sample.file("secret\n", mode: 0o644), try Sample.file("\n"), try Sample.file("secret\n")
        )
        #expect(code { $0.endpoints = [] } == .badSettings)
        #expect(code { ($0.user, $0.passwordFile) = ("bolt", open) } == .credentials)
        #expect(code { ($0.user, $0.passwordFile) = ("bolt", empty) } == .credentials)
        #expect(code { ($0.user, $0.passwordFile) = ("bolt", "/nonexistent") } == .credentials)
        #expect(code { ($0.user, $0.passwordFile) = ("bolt", good) } == nil)
        #expect(code { ($0.endpoints, $0.caFile) = (["https://127.0.0.1:1"], good) } == .credentials)
        var bad = LeaseSettings()
        bad.ttl = .zero
        #expect(throws: LeaseError.self) {
            try LeaseService(me: Sample.bolt(1), settings: bad, engine: ManualLease(), seed: 1)
        }
    }

    @Test(
        "versions with known errors in leases are told from repaired ones",
        arguments: [
            ("3.4.23", false), ("3.4.41", false), ("3.4.42", true), ("3.5.0", false), ("3.5.27", false),
            ("3.5.28", true), ("3.6.0", false), ("3.6.8", false), ("3.6.9", true), ("3.7.0", true), ("4.0.0", true),
            ("3.3.27", false), ("2.3.8", false), ("3.7.0-rc.1", true),
        ])
    func versions(text: String, isRepaired: Bool) throws {
        #expect(try #require(EtcdVersion(text)).hasRepairedLeases == isRepaired)
    }

    @Test(
        "what is no version is not taken for one", arguments: ["", "3", "3.4", "3.4.x", "3.4.5.6", "-1.2.3", "v3.4.5"])
    func noVersions(text: String) { #expect(EtcdVersion(text) == nil) }

    @Test("the holder that is written is the holder that is read; anything else is nobody's")
    func values() {
        for bolt in [Sample.bolt(1), Sample.bolt(.max), ReplicaID(key: .zero, incarnation: 0)] {
            #expect(EtcdLeaseValue.holder(Array(EtcdLeaseValue.text(bolt).utf8)) == bolt)
        }
        let text = EtcdLeaseValue.text(Sample.bolt(1))
        for bad in [
            "", "x", text + " ", " " + text, text.uppercased(), text + "\n", "bolt-lease-2" + text.dropFirst(12),
        ] {
            #expect(EtcdLeaseValue.holder(Array(bad.utf8)) == nil, "\(bad)")
        }
    }

    @Test("answers as etcd 3.4 gives them are read: numbers as strings, zeros left out, unsigned ids")
    func fixtures() throws {
        func read<Answer: Decodable>(_ type: Answer.Type, _ text: String) throws -> Answer {
            try JSONDecoder().decode(type, from: Data(text.utf8))
        }
        let range = try read(
            Etcd.RangeAnswer.self,
            #"{"header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","revision":"2"},"#
                + #""kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"Yg==","#
                + #""lease":"2324035515254466311"}],"count":"1"}"#)
        #expect(UInt64(bitPattern: range.header?.cluster_id?.value ?? 0) == 14_841_639_068_965_178_418)
        #expect(range.kvs?.first?.lease?.value == 2_324_035_515_254_466_311)
        #expect(range.kvs?.first?.value == Data("b".utf8))
        let ended = try read(
            Etcd.Streamed<Etcd.LeaseAnswer>.self, #"{"result":{"header":{"revision":"3"},"ID":"23"}}"#)
        #expect(ended.result != nil && ended.result?.TTL == nil)
        let problem = try read(Etcd.Problem.self, #"{"error":"x","message":"etcdserver: y","code":5}"#)
        #expect(problem.kind == .notFound && problem.text == "etcdserver: y")
        #expect(try read(Etcd.Problem.self, #"{"error":"x","grpc_code":14}"#).kind == .passing)
        #expect(throws: DecodingError.self) { try read(Etcd.Header.self, #"{"revision":"x"}"#) }
    }
}
