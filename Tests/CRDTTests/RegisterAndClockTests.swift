import CRDT
import Testing

@Suite("Registers and the hybrid clock")
struct RegisterAndClockTests {
    @Test("D8: the clock never runs back and never follows another beyond the allowed drift", arguments: seeds(20))
    func clock(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var clock = HybridClock(driftMaxMilliseconds: 300)
        var last = HybridTimestamp.zero
        var physicalMax: UInt64 = 0
        for _ in 0..<300 {
            let physical = random.next() % 1_000_000
            physicalMax = max(physicalMax, physical)
            if random.chance(40) {
                let remote = HybridTimestamp(
                    milliseconds: random.chance(20) ? .max : physical &+ random.next() % 600,
                    logical: random.chance(10) ? .max : 3)
                let believed = clock.observe(remote, physicalMilliseconds: physical)
                #expect(believed == (remote.milliseconds <= physical + 300), "seed \(seed)")
                if believed { #expect(clock.latest >= remote, "seed \(seed)") }
            } else {
                let now = clock.tick(physicalMilliseconds: physical)
                #expect(now > last, "seed \(seed)")
            }
            #expect(clock.latest >= last && clock.latest.milliseconds <= physicalMax + 301, "seed \(seed)")
            last = clock.latest
        }
    }

    @Test("the ends of time do not trap")
    func endsOfTime() {
        var clock = HybridClock(driftMaxMilliseconds: .max)
        let end = HybridTimestamp(milliseconds: .max, logical: .max)
        let believed = clock.observe(end, physicalMilliseconds: .max)
        #expect(believed && clock.tick(physicalMilliseconds: 0) == end)
        #expect(
            HybridTimestamp(milliseconds: 4, logical: .max).successor == HybridTimestamp(milliseconds: 5, logical: 0))
    }

    @Test("cr-sqlite PR 76: a write that has seen another wins, whatever the clocks, over three replicas")
    func causalOverwrite() {
        var clocks = Array(repeating: HybridClock(), count: 3)
        let tenYears: UInt64 = 315_360_000_000
        let physical = [2 * tenYears, tenYears, 1]
        var registers = Array(repeating: LWWRegister<UInt64>(), count: 3)
        for (round, at) in [0, 1, 2, 1, 2, 0, 2].enumerated() {
            registers[at].set(
                UInt64(round), by: replica(at), clock: &clocks[at], physicalMilliseconds: physical[at])
            for other in 0..<3 { registers[other].merge(registers[at]) }
            #expect(registers.allSatisfy { $0 == registers[at] && $0.value == UInt64(round) })
        }
        #expect(clocks[2].latest.milliseconds == 1)
    }

    @Test(
        "D8: clocks ten years off and jumping: registers converge, members are those of the model", arguments: seeds(20)
    )
    func skew(seed: UInt64) throws {
        var world = SetWorld(seed: seed)
        var random = SplitMix64(seed: ~seed)
        var clocks = Array(repeating: HybridClock(), count: 3)
        var registers = Array(repeating: LWWRegister<UInt64>(), count: 3)
        var deltas: [LWWRegister<UInt64>] = []
        for _ in 0..<60 {
            try world.step()
            let at = random.below(3)
            if random.chance(50) {
                let physical = random.next() % 631_139_040_000
                let before = registers[at]
                let delta = registers[at].set(
                    random.next(), by: replica(at), clock: &clocks[at], physicalMilliseconds: physical)
                #expect(delta.includes(before) && delta != before, "seed \(seed)")
                deltas.append(delta)
            } else if !deltas.isEmpty {
                registers[at].merge(random.pick(deltas))
            }
        }
        for at in 0..<3 {
            for delta in deltas.shuffled(using: &random) { registers[at].merge(delta) }
            #expect(registers[at] == registers[0], "seed \(seed)")
            #expect(world.replicas[at].elements == world.model(at), "seed \(seed)")
        }
    }

    @Test("an ordered register takes the highest rank, then the highest value")
    func ordered() {
        var register = OrderedRegister<UInt64, ByteString>()
        let deltas = [
            register.assign("a", rank: 3), register.assign("b", rank: 3), register.assign("z", rank: 2),
            register.assign("b", rank: 3), register.assign("a", rank: 4),
        ]
        #expect(deltas.map { $0 != nil } == [true, true, false, false, true])
        #expect(register.value == "a" && register.rank == 4)
        #expect(deltas.compactMap { $0 }.reversed().reduce(OrderedRegister()) { $0.merged(with: $1) } == register)
    }

    @Test("a grow-only set keeps what anyone put in")
    func growOnly() {
        var set = GSet<ByteString>()
        let delta = set.insert("a")
        let again = set.insert("a")
        #expect(delta == GSet(["a"]) && again == nil && set.contains("a") && set.count == 1)
        #expect(set.merged(with: GSet(["b"])).elements == ["a", "b"])
    }
}
