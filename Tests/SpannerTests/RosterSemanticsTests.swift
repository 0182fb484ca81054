import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("What is in force")
struct RosterSemanticsTests {
    private func word(_ roster: Roster, _ number: Int) -> String {
        String(roster.standingText(key(number), .envoy).prefix { $0 != " " })
    }

    @Test("Names: the causally earlier stays, the later is contested; concurrent ones both are; a resolution ends it")
    func contestedNames() throws {
        struct Row {
            let knows: Bool
            let words: (String, String)
        }
        for row in [
            Row(knows: true, words: ("active", "contested")), Row(knows: false, words: ("contested", "contested")),
        ] {
            var world = RosterWorld(bolts: 2)
            world.write(0, try world.bolts[0].roster.draftAdmission(envoy(1, name: "db")))
            if row.knows { world.hear(1, from: 0) }
            world.write(1, try world.bolts[1].roster.draftAdmission(envoy(2, name: "db")))
            world.hearAll()
            for bolt in world.bolts {
                #expect(word(bolt.roster, 1) == row.words.0)
                #expect(word(bolt.roster, 2) == row.words.1)
                #expect(bolt.roster.conflicts.count == 1)
                #expect(bolt.roster.conflicts[0].claimants.count == 2)
            }
            let name = try #require(PrincipalName("db"))
            let act = try world.bolts[1].roster.draftActResolution(role: .envoy, name: name, keep: key(2))
            world.act(act, by: world.operators[0], at: 1)
            world.hearAll()
            for bolt in world.bolts {
                #expect(word(bolt.roster, 1) == "removed")
                #expect(word(bolt.roster, 2) == "active")
                #expect(bolt.roster.conflicts.isEmpty)
            }
        }
    }

    @Test("Names: earlier holds through a chain of observation, also when the middle has ended")
    func observationIsTransitive() throws {
        var world = RosterWorld(bolts: 4)
        let first = world.write(0, .admit(envoy(1, name: "db")))
        var second = envoy(2, name: "db")
        second.observes = [first]
        let middle = world.write(1, .admit(second))
        var third = envoy(3, name: "db")
        third.observes = [middle]
        world.write(2, .admit(third))
        world.write(3, .remove(targets: [middle]))
        world.hearAll()
        #expect(word(world.bolts[3].roster, 1) == "active")
        #expect(word(world.bolts[3].roster, 2) == "removed")
        #expect(word(world.bolts[3].roster, 3) == "contested")
    }

    @Test("An admission wins over a concurrent removal, an amendment never outlives one")
    func addWinsAmendDoesNot() throws {
        var world = RosterWorld(bolts: 3)
        let dot = world.write(0, .admit(envoy(1)))
        world.hearAll()
        world.write(0, .remove(targets: [dot]))
        var amendment = Amendment(base: dot)
        amendment.labels = [Label(key: "a", value: "b")]
        amendment.rekey = TestWitness.rekey(id(1), from: key(1), to: key(2))
        world.write(1, .amend(amendment))
        world.hearAll()
        #expect(word(world.bolts[2].roster, 1) == "removed")
        #expect(word(world.bolts[2].roster, 2) == "removed")
        world.write(2, .admit(envoy(1)))
        world.hearAll()
        #expect(word(world.bolts[0].roster, 1) == "active")
        #expect(world.bolts[0].roster.principal(id(1))?.labels == [])
    }

    @Test("One key admitted twice, or one act carried by two bolts, is one principal; removing it ends both")
    func oncePerKey() throws {
        var world = RosterWorld(bolts: 3)
        let bolt = RosterWorld.bolt(9)
        let act = world.operators[0].act(.admit(member(bolt, 9)), nonce: 77)
        for place in 0..<2 {
            world.write(place, .act(act))
            world.write(place, .admit(envoy(1)))
        }
        world.hearAll()
        var roster = world.bolts[2].roster
        #expect(roster.bolts.count == 1)
        #expect(roster.bolts[0].admissions.count == 2)
        #expect(roster.principals(role: .envoy).count == 1)
        #expect(roster.count(role: .envoy) == 1)
        #expect(roster.conflicts.isEmpty)
        world.act(try roster.draftActRemoval(of: roster.bolts[0].id), by: world.operators[0], at: 2)
        world.write(2, try roster.draftRemoval(of: id(1)))
        // The same act carried once more is no new admission.
        world.write(1, .act(act))
        world.hearAll()
        roster = world.bolts[2].roster
        #expect(roster.bolts.isEmpty)
        #expect(roster.principals(role: .envoy).isEmpty)
        #expect(roster.standing(of: bolt.author.tlsKey) == .removed(id(109)))
        #expect(throws: RosterDraftError.self) { try roster.draftActAdmission(member(bolt, 9)) }
    }

    @Test("Cuts: events beyond are inert, unnamed incarnations wholly, the lowest cut wins, acts carried stay")
    func cuts() throws {
        var world = RosterWorld(bolts: 3)
        let bad = RosterWorld.bolt(0)
        world.write(0, .admit(envoy(1)))
        world.act(.admit(member(bad, 0)), by: TestIdentity.root, at: 1)
        world.hearAll()
        world.write(0, .admit(envoy(2)))
        world.act(.ban(keys: [key(5)], principal: nil, cut: .init()), by: world.operators[0], at: 0)
        let removal = try world.bolts[1].roster.draftActRemoval(of: id(100))
        world.act(removal, by: world.operators[0], at: 1)
        world.hearAll()
        let replica = world.bolts[0].replica
        #expect(world.bolts[2].roster.cut(of: replica) == 2)
        #expect(word(world.bolts[2].roster, 1) == "active")
        #expect(word(world.bolts[2].roster, 2) == "removed")
        #expect(word(world.bolts[2].roster, 5) == "banned")
        #expect(world.bolts[2].roster.explain(id: id(2)).contains { $0.kind == .beyondCut })
        let key = bad.author.tlsKey
        world.act(.ban(keys: [key], principal: id(100), cut: .init()), by: world.operators[1], at: 2)
        world.hearAll()
        #expect(world.bolts[1].roster.cut(of: replica) == 0)
        #expect(word(world.bolts[1].roster, 1) == "removed")
        #expect(word(world.bolts[1].roster, 5) == "banned")
    }

    /// What such an envoy told is kept: whoever asks for it by name has to be told whose it is, and where.
    @Test("An envoy that was banned or removed is found as it was last, by its id, its name and any of its keys")
    func endedEnvoys() throws {
        var world = RosterWorld(bolts: 2)
        var admission = envoy(1, name: "db")
        admission.group = GroupName("data")
        var amendment = Amendment(base: world.write(0, .admit(admission)))
        amendment.group = GroupName("web")
        amendment.rekey = TestWitness.rekey(id(1), from: key(1), to: key(2))
        world.hearAll()
        world.write(1, .amend(amendment))
        let other = world.write(1, .admit(envoy(3)))
        world.hearAll()
        let name = try #require(PrincipalName("db"))
        for bolt in world.bolts {
            #expect(bolt.roster.endedEnvoy(id(1)) == nil && bolt.roster.endedEnvoys(named: name).isEmpty)
        }
        world.act(.ban(keys: [key(2)], principal: id(1), cut: .init()), by: world.operators[0], at: 0)
        world.write(0, .remove(targets: [other]))
        world.hearAll()
        for bolt in world.bolts {
            let banned = try #require(bolt.roster.endedEnvoy(id(1)))
            #expect(banned.name == name && banned.group == GroupName("web") && banned.tlsKey == key(2))
            #expect(bolt.roster.endedEnvoys(named: name) == [banned])
            for number in 1...2 { #expect(bolt.roster.endedEnvoys(with: key(number)) == [banned]) }
            #expect(bolt.roster.endedEnvoy(id(3))?.name == PrincipalName("envoy-3"))
            #expect(bolt.roster.endedEnvoy(id(4)) == nil && bolt.roster.endedEnvoys(with: key(4)).isEmpty)
        }
        world.write(0, .admit(envoy(3)))
        world.hearAll()
        for bolt in world.bolts { #expect(bolt.roster.endedEnvoy(id(3)) == nil, "it is in force again") }
    }

    @Test("Acts of a removed operator count where they were seen; its bans count always; removing each other ends both")
    func removedOperators() throws {
        var world = RosterWorld(bolts: 2)
        let (ada, bob) = (world.operators[0], world.operators[1])
        world.act(.admit(member(ada, 1)), by: TestIdentity.root, at: 0)
        world.act(.admit(member(bob, 2)), by: TestIdentity.root, at: 0)
        world.act(.admit(member(RosterWorld.bolt(7), 7)), by: ada, at: 0)
        world.hearAll()
        world.act(.admit(member(RosterWorld.bolt(8), 8)), by: ada, at: 0)
        world.act(.ban(keys: [key(5)], principal: nil, cut: .init()), by: ada, at: 0)
        world.act(try world.bolts[0].roster.draftActRemoval(of: id(102)), by: ada, at: 0)
        world.act(try world.bolts[1].roster.draftActRemoval(of: id(101)), by: bob, at: 1)
        world.hearAll()
        for bolt in world.bolts {
            #expect(bolt.roster.bolts.map(\.id) == [id(107)])
            #expect(word(bolt.roster, 5) == "banned")
            #expect(bolt.roster.principals(role: .operator).isEmpty)
        }
    }

    @Test("Re-keying: the old key only repeats the hand-on; two new keys are contested; a ban covers all of them")
    func rekeying() throws {
        var world = RosterWorld(bolts: 2)
        world.write(0, .admit(envoy(1)))
        world.hearAll()
        func handOn(_ place: Int, to number: Int) throws {
            let rekey = TestWitness.rekey(id(1), from: key(1), to: key(number), sealingKey: key(50 + number).bytes)
            let bolt = world.bolts[place]
            world.write(place, try bolt.roster.draftAmendment(of: id(1), by: bolt.replica, rekey: rekey))
        }
        try handOn(0, to: 2)
        #expect(word(world.bolts[0].roster, 1) == "superseded")
        #expect(world.bolts[0].roster.principal(id(1))?.sealingKey == key(52).bytes)
        #expect(throws: RosterDraftError.self) { try handOn(0, to: 3) }
        try handOn(1, to: 3)
        world.hearAll()
        #expect(word(world.bolts[1].roster, 2) == "contested")
        #expect(word(world.bolts[1].roster, 3) == "contested")
        let name = try #require(PrincipalName("envoy-1"))
        let act = try world.bolts[0].roster.draftActResolution(role: .envoy, name: name, keep: key(3))
        world.act(act, by: world.operators[0], at: 0)
        #expect(word(world.bolts[0].roster, 3) == "active")
        #expect(word(world.bolts[0].roster, 2) == "removed")
        world.act(try world.bolts[0].roster.draftActBan(of: id(1)), by: world.operators[0], at: 0)
        for number in 1...3 { #expect(word(world.bolts[0].roster, number) == "banned") }
        #expect(world.bolts[0].roster.lineage(of: key(2)).count == 3)
    }

    @Test("Amendments: the last of a line is laid over the others, fields it doesn't name stay")
    func amendments() throws {
        var world = RosterWorld(bolts: 2)
        world.act(.admit(member(RosterWorld.bolt(0), 0)), by: TestIdentity.root, at: 0)
        let replica = world.bolts[0].replica
        for number in 1...5 {
            let label = [Label(key: "n", value: "\(number)")]
            let address = number == 2 ? "host:2" : nil
            let draft = try world.bolts[0].roster.draftAmendment(
                of: id(100), by: replica, labels: label, address: address)
            guard case .amend(let amendment) = draft else { return }
            #expect(amendment.supersedes.count == (number == 1 ? 0 : 1))
            world.write(0, draft)
        }
        world.hearAll()
        let bolt = try #require(world.bolts[1].roster.bolts.first)
        #expect(bolt.labels == [Label(key: "n", value: "5")])
        #expect(bolt.address == "host:2")
        #expect(bolt.amendments.count == 5)
    }

    @Test("An envoy's group is what the last amendment in force says; bolts that hold the same agree, and count alike")
    func groups() throws {
        var world = RosterWorld(bolts: 3)
        let dot = world.write(0, .admit(envoy(1)))
        world.write(0, .admit(envoy(2)))
        world.hearAll()
        let before = world.bolts[2].roster.regroupingChanges
        for name in ["web", "db"] {
            let draft = try world.bolts[0].roster.draftAmendment(
                of: id(1), by: world.bolts[0].replica, group: GroupName(checked: name))
            world.write(0, draft)
        }
        // On another side of a network split another operator decides otherwise.
        let other = try world.bolts[1].roster.draftAmendment(
            of: id(1), by: world.bolts[1].replica, group: GroupName(checked: "mail"))
        world.write(1, other)
        #expect(world.bolts[0].roster.principal(id(1))?.group == GroupName(checked: "db"))
        #expect(world.bolts[1].roster.regroupings.count == 1)
        world.hearAll()
        let all = world.bolts.map(\.roster.regroupings)
        #expect(all[0] == all[1] && all[1] == all[2])
        #expect(all[0].map(\.envoy) == [id(1)] && all[0].first?.group == GroupName(checked: "db"))
        #expect(world.bolts.allSatisfy { $0.roster.principal(id(1))?.group == GroupName(checked: "db") })
        let heard = world.bolts[2].roster.regroupingChanges
        #expect(heard > before)
        world.write(2, .remove(targets: [dot]))
        #expect(world.bolts[2].roster.regroupings.isEmpty && world.bolts[2].roster.regroupingChanges > heard)
    }

    @Test(
        "Where the bolt that gave an envoy a group is cut off before that, the group is as it was and the count stays")
    func groupsAreCut() throws {
        var world = RosterWorld(bolts: 2)
        world.act(.admit(member(RosterWorld.bolt(1), 1)), by: TestIdentity.root, at: 0)
        world.write(0, .admit(envoy(1)))
        world.hearAll()
        let removal = try world.bolts[0].roster.draftActRemoval(of: id(101))
        let draft = try world.bolts[1].roster.draftAmendment(
            of: id(1), by: world.bolts[1].replica, group: GroupName(checked: "db"))
        world.write(1, draft)
        world.hearAll()
        #expect(world.bolts[0].roster.principal(id(1))?.group == GroupName(checked: "db"))
        world.act(removal, by: world.operators[0], at: 0)
        let roster = world.bolts[0].roster
        #expect(roster.principal(id(1))?.group == envoy(1).group)
        #expect(roster.regroupings.map(\.group) == [envoy(1).group])
    }

    @Test("Bolts and operators are in no group")
    func groupsAreOfEnvoys() throws {
        var world = RosterWorld(bolts: 2)
        world.act(.admit(member(RosterWorld.bolt(0), 0)), by: TestIdentity.root, at: 0)
        let (roster, replica) = (world.bolts[0].roster, world.bolts[0].replica)
        #expect(throws: RosterDraftError.self) {
            try roster.draftAmendment(of: id(100), by: replica, group: GroupName(checked: "db"))
        }
        // Who writes one all the same gets nothing by it.
        let base = try #require(roster.bolts.first?.admissions.first)
        var amendment = Amendment(base: base)
        amendment.group = GroupName(checked: "db")
        world.write(0, .amend(amendment))
        #expect(world.bolts[0].roster.bolts.first?.group == nil)
        #expect(world.bolts[0].roster.regroupings.isEmpty)
    }

    @Test("A bolt amends its own address, no other bolt does, and nobody an operator")
    func boltsAmendThemselves() throws {
        var world = RosterWorld(bolts: 2)
        let dot = world.act(.admit(member(RosterWorld.bolt(0), 0)), by: TestIdentity.root, at: 0)
        let operators = world.act(.admit(member(world.operators[0], 1)), by: TestIdentity.root, at: 0)
        world.hearAll()
        for (place, base) in [(1, dot), (0, operators)] {
            var amendment = Amendment(base: base)
            amendment.address = "evil:1"
            world.write(place, .amend(amendment))
        }
        let replica = world.bolts[0].replica
        world.write(0, try world.bolts[0].roster.draftAmendment(of: id(100), by: replica, address: "good:1"))
        world.hearAll()
        #expect(world.bolts[1].roster.bolts.map(\.address) == ["good:1"])
        #expect(world.bolts[1].roster.principals(role: .operator).map(\.address) == [nil])
        #expect(world.bolts[1].roster.bolt(writing: replica)?.id == id(100))
    }

    @Test("Tokens: counted by distinct keys in force or not, an overrun shows, a revocation is an act")
    func tokens() throws {
        var world = RosterWorld(bolts: 2)
        let token = TokenID(id(50))
        let (home, away) = (PartitionName(checked: "p0"), PartitionName(checked: "p1"))
        let record = JoinTokenRecord(
            id: token, secretHash: .zero, kind: .multiUse(uses: 2), expires: WallTime(milliseconds: 10), group: nil,
            labels: [])
        world.write(0, try world.bolts[0].roster.draftToken(record))
        world.hearAll()
        func spend(_ place: Int, _ number: Int) throws(RosterDraftError) {
            let roster = world.bolts[place].roster
            let now = WallTime(milliseconds: 1)
            _ = try roster.honour(token, for: key(number), at: now, partition: home)
            var admission = envoy(number)
            admission.token = token
            world.write(place, try roster.draftAdmission(admission))
        }
        func code(_ body: () throws(RosterDraftError) -> Void) -> RosterDraftError.Code? {
            do throws(RosterDraftError) { try body() } catch { return error.code }
            return nil
        }
        try spend(0, 1)
        try spend(0, 2)
        #expect(code { () throws(RosterDraftError) in try spend(0, 3) } == .tokenSpent)
        #expect(code { () throws(RosterDraftError) in try spend(0, 1) } == .keyInUse)
        try spend(1, 3)
        world.write(0, try world.bolts[0].roster.draftRemoval(of: id(1)))
        world.hearAll()
        let standing = try #require(world.bolts[1].roster.token(token))
        #expect(standing.uses == 3)
        #expect(standing.overrun == 1)
        let roster = world.bolts[1].roster
        #expect(
            code { () throws(RosterDraftError) in
                _ = try roster.honour(token, for: key(1), at: WallTime(milliseconds: 10), partition: home)
            } == .tokenExpired)
        world.act(try roster.draftActRevocation(of: token), by: world.operators[0], at: 1)
        #expect(code { () throws(RosterDraftError) in try spend(1, 9) } == .tokenRevoked)
        #expect(world.bolts[1].roster.tokens.map(\.isRevoked) == [true])
        let once = JoinTokenRecord(
            id: TokenID(id(51)), secretHash: .zero, kind: .oneShot(home: home), expires: WallTime(milliseconds: 10),
            group: nil, labels: [])
        world.write(0, try world.bolts[0].roster.draftToken(once))
        let local = world.bolts[0].roster
        #expect(
            code { () throws(RosterDraftError) in
                _ = try local.honour(once.id, for: key(8), at: WallTime(milliseconds: 1), partition: away)
            } == .tokenElsewhere)
    }

    @Test("Drafts refuse what could not come into force, with a stable code")
    func drafts() throws {
        var world = RosterWorld(bolts: 1)
        world.write(0, .admit(envoy(1)))
        world.act(.admit(member(RosterWorld.bolt(0), 0)), by: TestIdentity.root, at: 0)
        world.act(.ban(keys: [key(5)], principal: nil, cut: .init()), by: world.operators[0], at: 0)
        let (roster, replica) = (world.bolts[0].roster, world.bolts[0].replica)
        func code(_ body: () throws -> Void) -> RosterDraftError.Code? {
            do { try body() } catch { return (error as? RosterDraftError)?.code }
            return nil
        }
        #expect(code { _ = try roster.draftAdmission(envoy(5)) } == .keyBanned)
        #expect(code { _ = try roster.draftAdmission(envoy(2, key: key(1))) } == .keyInUse)
        #expect(code { _ = try roster.draftAdmission(member(RosterWorld.bolt(3), 3)) } == .needsOperator)
        #expect(code { _ = try roster.draftRemoval(of: id(99)) } == .unknownPrincipal)
        #expect(code { _ = try roster.draftRemoval(of: id(100)) } == .needsOperator)
        #expect(code { _ = try roster.draftAmendment(of: id(1), by: replica) } == .eventInvalid)
        #expect(code { _ = try roster.draftActBan(keys: []) } == .empty)
        #expect(code { _ = try roster.draftActRevocation(of: TokenID(id(1))) } == .tokenUnknown)
        #expect(code { _ = try roster.draftActResolution(role: .envoy, name: .any, keep: key(1)) } == .notContested)
        let rekey = TestWitness.rekey(id(1), from: key(1), to: key(5))
        #expect(code { _ = try roster.draftAmendment(of: id(1), by: replica, rekey: rekey) } == .keyBanned)
        let foreign = TestWitness.rekey(id(2), from: key(1), to: key(6))
        #expect(code { _ = try roster.draftAmendment(of: id(1), by: replica, rekey: foreign) } == .eventInvalid)
        var unsigned = TestWitness.rekey(id(1), from: key(1), to: key(6))
        unsigned.proof[3] ^= 1
        #expect(code { _ = try roster.draftAmendment(of: id(1), by: replica, rekey: unsigned) } == .proofInvalid)
    }
}
