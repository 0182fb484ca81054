import BoltAPI
import Testing

@testable import Bolt

/// A removed bolt that starts again hears nothing of its removal but its peers' word.
@Suite struct ExpulsionTests {
    @Test func thePeersWordIsToldOnceAndTakenBackBySpeakingOn() {
        var expulsion = Expulsion()
        #expect(!expulsion.isTold)
        #expect(expulsion.note("a.north", banned: false) && !expulsion.note("b.north", banned: false))
        #expect(expulsion.isTold && !expulsion.isBanned && expulsion.sources == ["a.north", "b.north"])
        for number in 0..<100 { _ = expulsion.note("\(number)", banned: number == 99) }
        #expect(expulsion.sources.count == Expulsion.sourcesMax && expulsion.isBanned)
        expulsion.clear()
        #expect(!expulsion.isTold && !expulsion.isBanned)
    }

    @Test func itSaysWhoRefusesItAndHowTheMachineComesBack() {
        let told = Expulsion.text(banned: false, by: ["a.north", "b.north"])
        #expect(told.hasPrefix("removed: a.north, b.north no longer admits this bolt"))
        #expect(told.contains("boltctl bolt join") && told.contains("new keys"))
        #expect(Expulsion.text(banned: true, by: []).hasPrefix("banned: the roster no longer admits"))
    }

    @Test func whoAsksItOfPartitionsIsToldWhomToAskInstead() {
        let others = (1...9).map { (name: "b\($0).north", address: "10.0.0.\($0):7440") }
        let problem = Expulsion.problem(asked: "a.north", others: others)
        #expect(problem.code == .boltRemoved && problem.exitStatus == .unavailable && !problem.changed)
        #expect(problem.detail.hasPrefix("a.north is no longer admitted"))
        #expect(problem.next.contains("b1.north at 10.0.0.1:7440") && !problem.next.contains("b9.north"))
        #expect(Expulsion.problem(asked: "a.north", others: []).next.contains("--bolt ADDRESS"))
    }
}
