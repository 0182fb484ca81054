import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

/// What the cores say of slices and tasks, in the API's words.
@Suite struct SliceShapeTests {
    private func bytes(_ byte: UInt8) -> Bytes32 { Bytes32(bytes: [UInt8](repeating: byte, count: 32)) ?? .zero }

    private func name(_ text: String) throws -> PartitionName { try #require(PartitionName(text)) }

    private func hash(_ bytes: [UInt8]) -> Bytes32 {
        let words = (UInt8(0)..<4).map { PlacementHash.value([$0] + bytes) }
        return Bytes32(words: (words[0], words[1], words[2], words[3]))
    }

    /// P5: bolts agree in the digest exactly if they agree in every owner, whatever order they know them in.
    @Test func theDigestOfOwnersIsOfTheSetOfRegisters() throws {
        let group = GroupID(bytes(1))
        let owners = [try name("north"), try name("south")]
        let registers = (UInt32(0)..<8).map { index in
            SliceRegister(
                slice: SliceID(group: group, index: index), owner: owners[Int(index % 2)], position: UInt64(index),
                hash: bytes(UInt8(index)))
        }
        func digest(_ registers: [SliceRegister]) -> Bytes32 {
            SliceDigestResponse.digest(of: registers, hashedBy: hash)
        }
        let whole = digest(registers)
        #expect(digest(registers.reversed()) == whole)
        for index in registers.indices {
            var others = registers
            let register = others[index]
            others[index] = SliceRegister(
                slice: register.slice, owner: register.owner, position: register.position, hash: bytes(0xFF))
            #expect(digest(others) != whole)
            others.remove(at: index)
            #expect(digest(others) != whole)
        }
    }

    @Test func limitsOutOfBoundsAreNone() {
        #expect(TaskLimits(slices: 1).limits == HandoffBudget.Limits(slices: 1))
        #expect(TaskLimits(slices: 256, bytesPerSecond: 1, addedMilliseconds: 0).limits != nil)
        for limits in [
            TaskLimits(slices: 0), TaskLimits(slices: -1), TaskLimits(slices: 257),
            TaskLimits(slices: 1, bytesPerSecond: 0),
        ] { #expect(limits.limits == nil, "\(limits)") }
        let known = HandoffBudget.Limits(slices: 3, bytesPerSecond: 5, addedMilliseconds: 7)
        #expect(TaskLimits(known).limits == known)
    }

    @Test func aChangeOfATaskIsOneCommandOrNone() {
        func command(_ action: ChangeTaskRequest.Action, _ limits: TaskLimits? = nil) -> RebalanceTask.Command? {
            ChangeTaskRequest(action: action, limits: limits, reason: "").command
        }
        #expect(command(.pause) == .pause && command(.resume) == .resume && command(.cancel) == .cancel)
        #expect(command(.reverse) == .reverse && command(.throttle) == nil)
        #expect(command(.throttle, TaskLimits(slices: 4)) == .throttle(HandoffBudget.Limits(slices: 4)))
        #expect(command(.throttle, TaskLimits(slices: 0)) == nil)
        #expect(command(.pause, TaskLimits(slices: 4)) == nil)
    }

    @Test func transitionsSayWhatTheyRestOn() throws {
        let register = SliceRegister(
            slice: SliceID(group: GroupID(bytes(1)), index: 7), owner: try name("north"), position: 3, hash: bytes(2))
        let point = LogPoint(
            epoch: PartitionEpoch(number: 2, minter: ReplicaID(key: bytes(3), incarnation: 1)), position: 9,
            hash: bytes(4))
        let seal = SliceSeal(point: point, digest: bytes(5))
        let handOn = try #require(SliceTransition(ending: register, to: try name("south"), cause: .handOn(seal: seal)))
        let view = SliceTransitionView(handOn, register: bytes(6))
        #expect(view.cause == .handOn && view.seal == point && view.position == 4 && view.act == nil)
        #expect(view.from.text == "north" && view.to.text == "south" && view.base == bytes(2))
        let takeover = try #require(
            SliceTransition(
                ending: register, to: try name("south"),
                cause: .takeover(act: PrincipalID(high: 1, low: 2), at: WallTime(milliseconds: 5), reason: "burnt")))
        let other = SliceTransitionView(takeover, register: bytes(6))
        #expect(other.cause == .takeover && other.seal == nil && other.reason == "burnt" && other.at?.milliseconds == 5)
        for view in [view, other] {
            #expect(try APIJSON.decode(SliceTransitionView.self, from: APIJSON.encode(view)) == view)
        }
    }

    @Test func decisionsAndVerdictsAreToldInWords() throws {
        let moves = SliceDecisionView(.moves(to: try name("south"), .balance(surplus: 5, deficit: 3)))
        #expect(moves.kind == .moves && moves.to?.text == "south" && moves.why.contains("load is 5 over its share"))
        #expect(SliceDecisionView(.isStuck).to == nil && SliceDecisionView(.stays).kind == .stays)
        let (group, web) = (GroupID(bytes(1)), try #require(GroupName("web")))
        let slice = SliceID(group: group, index: 0)
        var facts = RebalanceInput.Facts()
        (facts.isSealed, facts.capacity) = (true, 4)
        let input = RebalanceInput(
            groups: [.init(id: group, name: web)], slices: [.init(id: slice, owner: try name("north"), envoys: 10)],
            sites: [
                .init(partition: try name("north"), weight: 100, groups: [group]),
                .init(partition: try name("west"), weight: 100, groups: [group], facts: facts),
            ])
        let explanation = try #require(try RebalancePlanner().explain(slice, in: input))
        let verdicts = explanation.verdicts.map { SliceVerdictView($0) }
        #expect(verdicts.map(\.partition.text) == ["north", "west"] && verdicts.map(\.isOwner) == [true, false])
        let refusals = verdicts[1].refusals
        #expect(refusals.map(\.reason) == ["sealed", "full"], "\(refusals)")
        #expect(refusals.allSatisfy { !$0.what.isEmpty && !$0.next.isEmpty })
    }

    @Test func aTaskSaysWhetherItIsCompleteAndItsPhaseByWord() throws {
        for phase in [
            RebalanceState.Phase.moving, .reversing, .cancelling, .ended,
        ] { #expect(TaskView.Phase(phase).rawValue == "\(phase)") }
        let progress = TaskProgress(
            moves: 4, done: 4, inFlight: 0, overtaken: 0, envoys: 9, envoysDone: 9, bytes: 1, bytesDone: 1,
            remainingSeconds: nil)
        var task = TaskView(
            id: PrincipalID(high: 1, low: 2), kind: .rebalance, driver: try name("north"), bolt: nil, phase: .moving,
            isPaused: false, isReversed: false, isCancelled: false, version: bytes(1), plan: nil,
            beganAt: WallTime(milliseconds: 1), actor: "operator/ada", reason: "",
            limits: TaskLimits(slices: 16), progress: progress, stuck: [])
        #expect(!task.isOver && !task.isComplete)
        task.phase = .ended
        #expect(task.isComplete)
        task.progress.done = 3
        #expect(task.isOver && !task.isComplete)
    }

    /// Whoever was refused for safety's sake ends with 4, and nothing was changed.
    @Test func refusalsAboutSlicesEndWith4() {
        for code: Problem.Code in [
            .topologyMoved, .planExpired, .planAltered, .planBlocked, .topologyRefused, .taskRuns, .ownerLives,
            .lastBolt, .nobodyElse, .noTopology, .taskRefused, .noSuchGroup, .sameGroup, .sliceMoves,
        ] {
            let problem = Problem(code, "no")
            #expect(problem.exitStatus == .refused && problem.status == 409 && !problem.changed, "\(code)")
        }
        #expect(Problem(.invalidTopology, "no").exitStatus == .error)
        #expect(Problem(.notOwner, "no").status == 421 && Problem(.sliceSealed, "no").status == 503)
    }

    /// The largest plan that is carried out fits into what a bolt reads, and its answer into what a client reads.
    @Test func aPlanThatTravelsFits() {
        #expect(Endpoint.applyTopology.bodyBytesMax == APILimits.planBytesMax)
        #expect(Endpoint.peerOperator.bodyBytesMax > APILimits.planBytesMax / 3 * 4)
        #expect(APILimits.planBytesMax < APILimits.answerBytesMax)
        #expect(Endpoint.planTopology.bodyBytesMax > TopologyLimits.documentBytesMax)
        #expect(!Endpoint.planTopology.mutates && Endpoint.planTopology.access == .operator(.viewer))
    }
}
