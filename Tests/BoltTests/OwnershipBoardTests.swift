import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// Who owns what, as a bolt knows it from the roster and from its own partition's journal.
struct OwnershipBoardTests {
    fileprivate static let names = ["north", "south"].map { PartitionName(checked: $0) }
    private static let document = """
        version: 1
        mesh: {name: trial}
        groups:
          - {name: web, slices: 4, match: [{hostname: "web-*"}]}
          - {name: rest, slices: 8}
        partitions:
          - name: north
            groups: [web, rest]
            bolts: [{name: a, address: "127.0.0.1:1"}]
          - name: south
            groups: [web, rest]
            bolts: [{name: a, address: "127.0.0.1:2"}]
        """

    /// A roster with one bolt of each partition, which writes what a test wants.
    fileprivate struct Mesh {
        var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        let bolts = OwnershipBoardTests.names.enumerated().map { number, name in
            TestIdentity(.bolt(name, BoltName(checked: "a")), seed: UInt64(number) + 1)
        }

        init() throws { for number in bolts.indices { try write(number, .open(chain: bolts[number].chain)) } }

        mutating func write(_ number: Int, _ payloads: RosterEvent.Payload...) throws {
            let replica = bolts[number].replica(1)
            let builder = RunBuilder(
                replica: replica, mesh: TestIdentity.mesh, witness: TestWitness(), signer: bolts[number].signer)
            let run = try builder.build(payloads, at: WallTime(milliseconds: 1), after: roster.head(of: replica))
            roster.apply(try roster.check(run).get())
        }

        mutating func apply(
            _ text: String = OwnershipBoardTests.document, on base: Bytes32 = .zero, drains: [PartitionName] = []
        ) throws -> TopologyApply {
            let topology = try #require(TopologyDocument(parsing: text, file: "t").topology)
            let note = AppliedTopology(
                topology: topology, drains: drains, bolt: "a.north", reason: "test",
                task: PrincipalID(high: 1, low: 2), moves: false, summary: "all of it")
            let candidates = OwnershipBoardTests.names.map { Placement.Candidate(partition: $0) }
            let apply = try #require(
                TopologyApply(
                    base: base, plan: .zero, at: WallTime(milliseconds: 1), actor: "operator/ada",
                    document: Array(try APIJSON.encode(note)),
                    groups: topology.groups.map {
                        .init(name: $0.name, slices: UInt32($0.slices), candidates: candidates)
                    }, hashedBy: TestWitness()))
            for part in apply.parts { try write(0, .topology(part)) }
            return apply
        }
    }

    fileprivate func board() -> OwnershipBoard {
        OwnershipBoard(own: OwnershipBoardTests.names[0], mesh: TestIdentity.mesh, witness: TestWitness())
    }

    private func seal(_ number: UInt64) -> SliceSeal {
        let minter = ReplicaID(key: TestWitness.digest([9]), incarnation: 1)
        return SliceSeal(
            point: LogPoint(
                epoch: PartitionEpoch(number: 1, minter: minter), position: number, hash: TestWitness.digest([3])),
            digest: TestWitness.digest([4]))
    }

    /// A hand-on of a slice by its owner's bolt.
    private func handOn(_ register: SliceRegister, _ mesh: Mesh) throws -> SignedTransition {
        let place = try #require(OwnershipBoardTests.names.firstIndex(of: register.owner))
        let transition = try #require(
            SliceTransition(
                ending: register, to: OwnershipBoardTests.names[1 - place], cause: .handOn(seal: seal(5))))
        return mesh.bolts[place].sign(transition)
    }

    @Test("Before a topology nobody has a slice; after it every envoy is in one, whoever admitted it without a group")
    func placed() throws {
        var mesh = try Mesh()
        let board = board()
        let envoy = PrincipalID(high: 7, low: 8)
        #expect(board.take(mesh.roster, anew: true).slices.isEmpty)
        #expect(board.place(of: envoy, group: nil) == nil && board.version == nil)
        _ = try mesh.apply()
        #expect(board.take(mesh.roster, anew: false).topology)
        #expect(board.take(mesh.roster, anew: false).topology == false, "nothing new")
        let web = try #require(board.place(of: envoy, group: GroupName(checked: "web")))
        let rest = try #require(board.place(of: envoy, group: nil))
        #expect(rest == board.place(of: envoy, group: GroupName(checked: "gone")), "the group without rules")
        #expect(web.slice.index < 4 && rest.slice.index < 8 && web.slice.group != rest.slice.group)
        let genesis = try #require(board.geneses.first)
        #expect(board.registers(of: genesis).count == 8, "by name: rest")
        #expect(board.version?.topology.groups.count == 2)
    }

    @Test("A bolt signs for its own partition only; what its own journal says counts before the roster tells it")
    func transitions() throws {
        var mesh = try Mesh()
        let board = board()
        _ = try mesh.apply()
        _ = board.take(mesh.roster, anew: true)
        let genesis = try #require(board.geneses.first)
        let register = try #require(board.registers(of: genesis).first)
        let signed = try handOn(register, mesh)
        // The other partition's bolt signs the same: it is not its own to hand on.
        let wrong = try #require(OwnershipBoardTests.names.firstIndex { $0 != register.owner })
        try mesh.write(wrong, .slices(SliceDelta([mesh.bolts[wrong].sign(signed.transition)])))
        #expect(board.take(mesh.roster, anew: false).slices.isEmpty)
        #expect(board.register(of: register.slice) == register)
        let change = board.change
        #expect(board.take(journaled: [signed]))
        #expect(board.change > change)
        #expect(board.register(of: register.slice)?.owner == signed.transition.to)
        #expect(board.untold([signed]) == [signed])
        try mesh.write(0, .slices(SliceDelta([signed])))
        #expect(board.take(mesh.roster, anew: false).slices.isEmpty, "it is known already")
        #expect(board.untold([signed]).isEmpty)
    }

    @Test("P2, R2: a cut of the history that told a transition takes no owner back; it is told again")
    func anew() throws {
        var mesh = try Mesh()
        let board = board()
        _ = try mesh.apply()
        _ = board.take(mesh.roster, anew: true)
        let genesis = try #require(board.geneses.first)
        let registers = board.registers(of: genesis)
        let (own, other) = (try handOn(registers[0], mesh), try handOn(registers[1], mesh))
        board.take(journaled: [own])
        var later = mesh
        try later.write(1, .slices(SliceDelta([other])))
        #expect(board.take(later.roster, anew: false).slices == [registers[1].slice])
        #expect(board.register(of: registers[1].slice)?.position == 1)
        // As if the other bolt's history were cut before its event.
        let moved = board.take(mesh.roster, anew: true)
        #expect(moved.slices.contains(registers[1].slice) && moved.topology)
        #expect(board.register(of: registers[1].slice)?.position == 1)
        #expect(board.register(of: registers[0].slice)?.position == 1)
        #expect(Set(board.allUntold) == [own, other], "no event in force tells of them")
        try mesh.write(0, .slices(SliceDelta([own, other])))
        #expect(board.take(mesh.roster, anew: false).slices.isEmpty && board.allUntold.isEmpty)
    }

    @Test("R2: what a banned bolt signed and only itself told beyond its cut is dropped; what others signed stays")
    func cutKey() throws {
        var mesh = try Mesh()
        let board = board()
        _ = try mesh.apply()
        _ = board.take(mesh.roster, anew: true)
        let registers = board.registers(of: try #require(board.geneses.first))
        let (north, south) = (OwnershipBoardTests.names[0], OwnershipBoardTests.names[1])
        let theirs = try handOn(try #require(registers.first { $0.owner == south }), mesh)
        let ours = try handOn(try #require(registers.first { $0.owner == north }), mesh)
        try mesh.write(1, .slices(SliceDelta([theirs, ours])))
        #expect(board.take(mesh.roster, anew: false).slices.count == 2)
        let (bolt, ada) = (mesh.bolts[1], TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1))
        var seen = VersionVector()
        seen[bolt.replica(1)] = 1
        let ban = OperatorAct.Operation.ban(
            keys: [bolt.author.tlsKey], principal: nil, cut: OperatorAct.Cut(seen: seen))
        try mesh.write(0, .act(ada.act(ban, nonce: 1)))
        #expect(mesh.roster.cut(of: bolt.replica(1)) == 1)
        _ = board.take(mesh.roster, anew: true)
        #expect(board.register(of: theirs.transition.slice)?.position == 0)
        #expect(board.register(of: ours.transition.slice)?.position == 1)
        #expect(board.allUntold == [ours])
    }

    @Test("Two boards that heard the same in other orders agree in every owner and in the topology")
    func orders() throws {
        var mesh = try Mesh()
        let first = try mesh.apply()
        let early = board()
        _ = early.take(mesh.roster, anew: true)
        let genesis = try #require(early.geneses.first)
        for register in early.registers(of: genesis).prefix(3) {
            try mesh.write(1, .slices(SliceDelta([try handOn(register, mesh)])))
            _ = early.take(mesh.roster, anew: false)
        }
        _ = try mesh.apply(on: first.id, drains: [OwnershipBoardTests.names[1]])
        _ = early.take(mesh.roster, anew: false)
        let late = board()
        _ = late.take(mesh.roster, anew: true)
        #expect(early.registers(of: genesis) == late.registers(of: genesis))
        #expect(early.version?.apply == late.version?.apply && early.version?.note.drains.count == 1)
        #expect(early.geneses == late.geneses, "groups begin once")
    }
}

/// Whether tasks of a partition stand on what is in force, and whether anybody drives them.
extension OwnershipBoardTests {
    @Test("A task goes on while its apply is in force: not under a newer one, nor where its own one was lost")
    func outdated() throws {
        var mesh = try Mesh()
        let first = try mesh.apply()
        let board = board()
        _ = board.take(mesh.roster, anew: true)
        #expect(board.outdated(first.id) == nil)
        let north = try mesh.apply(on: first.id, drains: [OwnershipBoardTests.names[0]])
        let south = try mesh.apply(on: first.id, drains: [OwnershipBoardTests.names[1]])
        _ = board.take(mesh.roster, anew: false)
        let (winner, loser) = north.id < south.id ? (north, south) : (south, north)
        #expect(board.version?.apply.id == winner.id && board.outdated(winner.id) == nil)
        #expect(board.outdated(first.id)?.contains("which is newer") == true)
        #expect(board.outdated(loser.id)?.contains("its own is not") == true)
    }

    @Test("P6: a partition was taken over once an operator took slices from it and it owns none")
    func takenOver() throws {
        var mesh = try Mesh()
        let board = board()
        _ = try mesh.apply()
        _ = board.take(mesh.roster, anew: true)
        let (north, south) = (OwnershipBoardTests.names[0], OwnershipBoardTests.names[1])
        let ada = TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1)
        let cause = SliceTransition.Cause.takeover(
            act: PrincipalID(high: 6, low: 6), at: WallTime(milliseconds: 6), reason: "lost")
        let own = board.geneses.flatMap { board.registers(of: $0) }.filter { $0.owner == north }
        let taken = own.compactMap { SliceTransition(ending: $0, to: south, cause: cause) }.map { ada.sign($0) }
        try #require(taken.count > 1)
        board.take(journaled: Array(taken.dropFirst()))
        #expect(!board.isTakenOver(north))
        board.take(journaled: taken)
        #expect(board.isTakenOver(north) && !board.isTakenOver(south))
    }

    @Test("It is known since when no primary of a partition said anything of its slices")
    func silence() {
        let board = board()
        let (north, now) = (OwnershipBoardTests.names[0], ContinuousClock.now)
        #expect(board.silence(of: north) == nil)
        board.note(SliceCensus(entries: [], tasks: []), of: north, at: now)
        #expect(board.silence(of: north, at: now + .seconds(7)) == .seconds(7))
    }

    @Test("A task has nobody only where no primary is heard, and it was taken over or left the topology for long")
    func orphans() {
        func driver(
            primary: Bool = false, silent: Int? = 90, named: Bool = true, taken: Bool = false
        ) -> TaskDriver {
            TaskDriver(
                partition: OwnershipBoardTests.names[0], hasPrimary: primary, silence: silent.map { .seconds($0) },
                isInTopology: named, isTakenOver: taken)
        }
        #expect(driver(taken: true).orphaned?.contains("taken over") == true)
        #expect(driver(silent: 1, taken: true).orphaned != nil, "a takeover says that it is lost")
        #expect(driver(named: false).orphaned?.contains("not in the topology") == true)
        #expect(driver(silent: 59, named: false).orphaned == nil, "it may be on its way to another primary")
        #expect(driver().orphaned == nil, "only an operator can say that nobody comes back")
        #expect(driver(primary: true, named: false, taken: true).orphaned == nil)
        #expect(driver().isSilent && driver(silent: nil).isSilent)
        #expect(!driver(silent: 59).isSilent && !driver(primary: true).isSilent)
    }
}

/// Handoffs know whether they slow check-ins down.
struct CheckInPaceTests {
    @Test("What is usual is learned while nothing moves; only what is slower than that counts")
    func slower() {
        var pace = CheckInPace()
        for _ in 0..<10 {
            for _ in 0..<100 { pace.note(.milliseconds(4)) }
            #expect(pace.turn(isMoving: false) == nil)
        }
        for _ in 0..<100 { pace.note(.milliseconds(4)) }
        #expect(pace.turn(isMoving: true) == 0)
        for number in 0..<100 { pace.note(.milliseconds(number < 95 ? 4 : 34)) }
        #expect(pace.turn(isMoving: true) == 30)
        #expect(pace.turn(isMoving: true) == nil, "nobody checked in")
        for _ in 0..<100 { pace.note(.milliseconds(2)) }
        #expect(pace.turn(isMoving: true) == 0, "faster than usual is not slower")
    }

    @Test("A bolt that was moving slices since it started does not guess what is usual")
    func unknown() {
        var pace = CheckInPace()
        pace.note(.seconds(1))
        #expect(pace.turn(isMoving: true) == nil)
    }
}
