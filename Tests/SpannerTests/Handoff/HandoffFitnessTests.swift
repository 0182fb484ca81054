import Spanner
import Testing

@Suite("Handoff: a copy that cannot be served where it goes")
struct HandoffFitnessTests {
    private func place(_ effects: [HandoffTarget.Effect]) -> LogPoint? {
        for case .digest(let point) in effects { return point }
        return nil
    }

    private func refusal(_ effects: [HandoffTarget.Effect]) -> HandoffReply? {
        for case .reply(let reply) in effects { if case .refused = reply.body { return reply } }
        return nil
    }

    @Test("It is refused with its reason before the switch, as often as asked; the source takes the slice back (P7)")
    func refused() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isSeal }
        pair.start()
        #expect(pair.source.state.phase == .sealed && pair.target.state.phase == .receiving)
        let seal = try #require(pair.said.last { $0.body.isSeal })
        var refusals: [HandoffReply] = []
        // The first answer is lost.
        for _ in 0..<2 {
            let asked = place(pair.target.step(.received(seal)))
            let point = try #require(asked)
            let answered = refusal(pair.target.step(.unfit(at: point, reasons: ["the queue is another envoy's there"])))
            refusals.append(try #require(answered))
            #expect(pair.target.state.phase == .receiving && !pair.target.isHandedOn)
        }
        pair.step(.received(refusals[1]))
        pair.run()
        #expect(pair.source.state.phase == .cancelled && pair.source.isTaking && pair.published.isEmpty)
        #expect(pair.source.state.reason?.contains("the queue is another envoy's there") == true)
        #expect(pair.target.state.phase == .dropped)
    }

    @Test("After the switch nothing is refused: the copy is asked for again, and taken as it is (P7, P8)")
    func handedOn() throws {
        var pair = try #require(HandoffPair())
        pair.losesToTarget = { $0.isHandOn }
        pair.start()
        #expect(pair.source.state.phase == .sent && pair.target.state.phase == .held)
        let handOn = try #require(pair.said.last { $0.body.isHandOn })
        // An accepted loss of data: that everything was held is forgotten.
        pair.restartTarget(losing: 1)
        #expect(pair.target.state.phase == .receiving && !pair.target.isHandedOn)
        let asked = place(pair.target.step(.received(handOn)))
        let point = try #require(asked)
        let effects = pair.target.step(.unfit(at: point, reasons: ["the queue is another envoy's there"]))
        #expect(pair.target.isHandedOn && refusal(effects) == nil && place(effects) == point)
        pair.step(target: .digested(at: point, HandoffPair.digest))
        pair.run()
        #expect(pair.target.isServing && pair.source.state.phase == .done)
    }
}
