import ArgumentParser
import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// Lists as people read them: the exact text for given answers.
@Suite struct TableTests {
    private static let fresh = Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1)

    private func id(_ byte: UInt8) throws -> PrincipalID {
        try #require(PrincipalID(bytes: [UInt8](repeating: byte, count: PrincipalID.count)))
    }

    private func principal(_ name: String, key: UInt8, _ standing: StandingWord) throws -> PrincipalView {
        PrincipalView(
            role: .envoy, id: try id(key), name: try #require(PrincipalName(name)), standing: standing,
            fingerprint: KeyFingerprint(Views.bytes(key)), lineage: [], admissions: [], partition: nil,
            group: GroupName("web"), labels: [:], address: nil)
    }

    private func envoy(lastSeen: WallTime? = nil) throws -> EnvoyView {
        EnvoyView(
            id: try id(1), name: try #require(PrincipalName("web-1")), standing: .active,
            issuer: PartitionName("north"), owner: PartitionName("south"), group: nil,
            labels: ["env": "prod", "a": "b"], fingerprint: KeyFingerprint(Views.bytes(2)),
            admission: Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5), admittedAt: WallTime(milliseconds: 0),
            lastSeenAt: lastSeen, traits: ["os": .string("linux")], storedThrough: 7)
    }

    @Test func envoysAreRowsAndOneIsFields() throws {
        let page = EnvoysResponse(envoys: [try envoy()], nextAfter: try id(1), freshness: Self.fresh)
        let id = String(repeating: "01", count: 16)
        #expect(
            try EnvoyList.parse([]).table(page) == """
                NAME   ID        STANDING  GROUP  OWNER  ISSUER  KEY       LABELS
                web-1  01010101  active    -      south  north   02020202  a=b,env=prod
                more: boltctl envoy list --after \(id)
                """)
        let one = EnvoyResponse(envoy: try envoy(lastSeen: WallTime(milliseconds: 1000)), freshness: Self.fresh)
        let dot = one.envoy.admission
        #expect(
            try EnvoyShow.parse(["web-1"]).table(one) == """
                name       web-1
                id         \(id)
                standing   active
                group      -
                owner      south
                issuer     north
                key        \(String(repeating: "02", count: 32))
                admitted   1970-01-01T00:00:00Z by \(dot)
                label a    b
                label env  prod
                last seen  1970-01-01T00:00:01Z
                stored     results through 7
                traits     1 fact; -o json
                """)
    }

    @Test func tokensSayWhetherTheyStillAdmit() throws {
        func token(_ kind: TokenKind, _ used: UInt32, _ uses: UInt32, revoked: Bool = false) throws -> TokenView {
            TokenView(
                id: try #require(TokenID(apiText: String(repeating: "0a", count: 16))), kind: kind,
                home: kind == .oneShot ? PartitionName("north") : nil, uses: uses, used: used,
                expiresAt: WallTime(milliseconds: 0), revoked: revoked, group: nil, labels: [:])
        }
        let answer = TokensResponse(
            tokens: try [token(.oneShot, 0, 1), token(.multiUse, 3, 2), token(.multiUse, 0, 2, revoked: true)],
            freshness: Self.fresh)
        let id = String(repeating: "0a", count: 16)
        #expect(
            try TokenList.parse([]).table(answer) == """
                ID                                KIND       HOME   USED  USES  EXPIRES               STATE    GROUP
                \(id)  one_shot   north  0     1     1970-01-01T00:00:00Z  valid    -
                \(id)  multi_use  -      3     2     1970-01-01T00:00:00Z  overrun  -
                \(id)  multi_use  -      0     2     1970-01-01T00:00:00Z  revoked  -
                """)
    }

    @Test func contestedNamesShowWholeKeysAndTheNextCommand() throws {
        let conflict = ConflictView(
            role: .envoy, name: try #require(PrincipalName("twin")),
            holders: try [principal("twin", key: 1, .active), principal("twin", key: 2, .contested)])
        let command = try RosterConflicts.parse([])
        let text = command.table(ConflictsResponse(conflicts: [conflict], freshness: Self.fresh))
        let (ids, keys) = ((1...2).map { String(repeating: "0\($0)", count: 16) }, (1...2).map { "0\($0)" })
        #expect(
            text == """
                ROLE   NAME  STANDING   ID                                KEY
                envoy  twin  active     \(ids[0])  \(String(repeating: keys[0], count: 32))
                envoy  twin  contested  \(ids[1])  \(String(repeating: keys[1], count: 32))
                next: boltctl roster resolve NAME --keep KEY
                """)
        #expect(command.table(ConflictsResponse(conflicts: [], freshness: Self.fresh)) == "no name is contested")
    }

    @Test func receiptsNameWhoIsMissing() {
        let dot = Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5)
        let lines: [ReceiptResponse.Line] = [
            .init(bolt: "a.north", state: .inForce, afterMilliseconds: 0.4),
            .init(bolt: "a.south", state: .unreachable, afterMilliseconds: nil),
            .init(bolt: "a.east", state: .waiting, afterMilliseconds: nil),
        ]
        #expect(
            ReceiptTable.text(ReceiptResponse(dot: dot, complete: false, bolts: lines)) == """
                BOLT     STATE        AFTER
                a.north  in force     0 ms
                a.south  unreachable  -
                a.east   waiting      -
                not yet known to be in force at a.south, a.east
                """)
        #expect(
            ReceiptTable.text(ReceiptResponse(dot: dot, complete: true, bolts: [lines[0]]))
                .hasSuffix("\nin force at every bolt"))
    }

    @Test func changesSayWhatTheyDidAndHowSafeItIs() {
        let dry = ChangeResponse(dot: nil, level: .local, spread: [], dryRun: true, effects: ["one", "two"])
        #expect(ActPoster.line(dry) == "would be so:\n  one\n  two\ndry run: nothing was changed")
        let real = ChangeResponse(dot: nil, level: .spread(2), spread: [], dryRun: false, effects: [])
        #expect(ActPoster.line(real) == "acknowledged at spread(2)")
    }

    @Test func historyIsATable() throws {
        let dot = Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5)
        let fact = RosterFactView(
            dot: dot, at: WallTime(milliseconds: 0), author: "a.north", kind: "admit", text: "web-1\nis in",
            inForce: false, why: "removed")
        let text = FactTable.text([fact])
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3, "what an event says stands below it, whatever it says: \(text)")
        #expect(lines[0].hasPrefix("EVENT") && lines[1].hasPrefix("\(dot)"))
        #expect(lines[1].hasSuffix("1970-01-01T00:00:00Z  a.north  admit  no"), "\(text)")
        #expect(lines[2] == "    web-1 is in: removed")
    }

    /// A ban does not wipe out what the machine did.
    @Test func whoIsBannedIsShownAsThat() throws {
        var view = try envoy(lastSeen: WallTime(milliseconds: 1000))
        view.standing = .banned
        let text = try EnvoyShow.parse(["web-1"]).table(EnvoyResponse(envoy: view, freshness: Self.fresh))
        #expect(text.contains("standing   banned; since when and why: boltctl envoy explain \(view.id)\n"), "\(text)")
        #expect(text.contains("stored     results through 7"), "\(text)")
        let results = EnvoyResultsResponse(
            bolt: "a.west", source: .owner, envoy: view.id, name: view.name, standing: .banned, queues: [],
            results: [], nextAfter: nil, freshness: Self.fresh)
        #expect(
            ResultText.text(results, resources: false).hasPrefix(
                "results of web-1, which is banned, as a.west has them"))
    }

    /// `envoy explain` was 194 columns wide, `topology history` 166, `envoy list` 93.
    @Test func whatThereIsToSayOfARowIsWrappedBelowIt() throws {
        var table = TextTable("ONE", "TWO")
        table.row("a", "b")
        table.row("c", nil)
        let long = Array(repeating: "word", count: 40).joined(separator: " ")
        let lines = DetailedTable.text(table, [long, ""]).split(separator: "\n").map(String.init)
        #expect(lines.allSatisfy { $0.count <= Screen.columns } && lines.first == "ONE  TWO")
        #expect(lines.last == "c    -" && lines.count == 6, "\(lines)")
        #expect(lines[2...4].joined(separator: " ").split(separator: " ").count == 40, "nothing is cut")
        let whole = String(repeating: "x", count: 100)
        #expect(DetailedTable.wrapped("a \(whole) b", columns: 20) == ["    a", "    \(whole)", "    b"])
        var wide = try envoy()
        wide.labels = ["role": String(repeating: "x", count: 60)]
        let page = EnvoysResponse(envoys: [wide], nextAfter: nil, freshness: Self.fresh)
        let list = EnvoyList.table(page, columns: Screen.columns)
        #expect(list.split(separator: "\n").allSatisfy { $0.count <= Screen.columns } && list.hasSuffix("…"), "\(list)")
        #expect(EnvoyList.table(page, columns: nil).hasSuffix("role=" + String(repeating: "x", count: 60)))
    }

    /// A takeover promises that what is missing is shown.
    @Test func holesOfAnEnvoyAreShown() throws {
        var known = try envoy()
        known.holes = 3
        let text = try EnvoyShow.parse(["web-1"]).table(EnvoyResponse(envoy: known, freshness: Self.fresh))
        #expect(text.contains("holes      3 places with nothing: boltctl envoy results web-1"), "\(text)")
        known.holes = 0
        let whole = try EnvoyShow.parse(["web-1"]).table(EnvoyResponse(envoy: known, freshness: Self.fresh))
        #expect(!whole.contains("holes"), "\(whole)")
        let queue = try #require(QueueIncarnation(bytes: [UInt8](repeating: 0xAB, count: QueueIncarnation.count)))
        let results = EnvoyResultsResponse(
            bolt: "a.west", source: .owner, envoy: try id(1), name: try #require(PrincipalName("web-1")),
            queues: [ResultQueueView(queue: queue, storedThrough: 4, results: 1, holes: 3, isCurrent: true)],
            results: [
                EnvoyResultView(
                    kind: .hole, queue: queue, sequence: 1, through: 3, at: WallTime(milliseconds: 0),
                    reason: "the envoy deleted them, and they are not here"),
                EnvoyResultView(
                    kind: .result, queue: queue, sequence: 4, through: 4, at: WallTime(milliseconds: 0),
                    record: .object(["kind": .string("run")])),
            ], nextAfter: nil, freshness: Self.fresh)
        let table = ResultText.text(results, resources: false, columns: Screen.columns)
        #expect(table.contains("abababab: 1 result through 4, 3 places with nothing"), "\(table)")
        #expect(table.contains("abababab:1-3  1970-01-01T00:00:00Z  nothing: the envoy deleted"), "\(table)")
        #expect(table.split(separator: "\n").allSatisfy { $0.count <= Screen.columns }, "\(table)")
        // What is read by another program was cut as if it were shown.
        let piped = ResultText.text(results, resources: false, columns: nil)
        #expect(piped.contains("nothing: the envoy deleted them, and they are not here\n"), "\(piped)")
        // All of them are shown, and a report without a pass is no raw JSON.
        #expect(ResultText.part(results) == nil)
        #expect(ResultText.what(results.results[1]) == "a report only: no policy was applied")
        // The latest alone looked like all.
        var latest = results
        latest.results.removeFirst()
        #expect(ResultText.text(latest, resources: false).hasSuffix("4 places are told in all: --all, or --last N"))
    }

    /// A machine that reached nobody for long told all of its passes at once: each was shown as made then.
    @Test func aPassIsShownAsOfWhenItWasMade() throws {
        let queue = try #require(QueueIncarnation(bytes: [UInt8](repeating: 0xAB, count: QueueIncarnation.count)))
        func row(_ received: UInt64) throws -> String {
            let report = PassReport(
                isDryRun: false, isConverged: true, microseconds: 1, counts: PassCounts(unchanged: 1), resources: [])
            let pass = PassRecord(
                at: WallTime(milliseconds: 1_000), head: nil, sequence: 3, body: nil, isOffline: false, report: report)
            let result = EnvoyResultView(
                kind: .result, queue: queue, sequence: 4, through: 4, at: WallTime(milliseconds: received),
                body: Base64Bytes(try pass.resultBody()))
            return String(ResultText.table([result]).split(separator: "\n")[1])
        }
        #expect(try row(1_900).hasSuffix("1970-01-01T00:00:01Z  as it should be: 1 unchanged"))
        #expect(try row(95_000).contains("1970-01-01T00:00:01Z  told 00:01:35Z, as it should be"))
        #expect(try row(90_000_000).contains("told 1970-01-02T01:00:00Z, "))
        #expect(try row(0).contains("1970-01-01T00:00:01Z  as it should be"), "a clock that stands before it")
    }

    /// What a push called for is told apart from what was due by itself.
    @Test func aPassNamesThePushThatCalledForIt() throws {
        let queue = try #require(QueueIncarnation(bytes: [UInt8](repeating: 0xAB, count: QueueIncarnation.count)))
        let report = PassReport(
            isDryRun: false, isConverged: true, microseconds: 1, counts: PassCounts(changed: 1), resources: [])
        var pass = PassRecord(
            at: WallTime(milliseconds: 0), head: nil, sequence: 3, body: nil,
            push: PrincipalID(high: 0x1A2B_3C4D_0000_0000, low: 2), isOffline: false, report: report)
        func what() throws -> String {
            ResultText.what(
                EnvoyResultView(
                    kind: .result, queue: queue, sequence: 4, through: 4, at: pass.at,
                    body: Base64Bytes(try pass.resultBody())))
        }
        #expect(try what().hasPrefix("push 1a2b3c4d, changed"))
        pass.push = nil
        #expect(try what().hasPrefix("changed"))
        pass.isCut = true
        #expect(try what().hasPrefix("cut short, changed"))
    }
}
