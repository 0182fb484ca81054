import CRDT
import Spanner

/// An engine as a model: honest, or lying in a way that was chosen.
struct LeaseEngineModel {
    struct Grant {
        var holder: LeaseHolder
        var ends: Int
    }
    var grant: Grant?
    var mark = LeaseMark(cluster: 1, revision: 1)
    /// Grants to everybody who asks: the last one is remembered.
    var grantsTwice = false

    mutating func advance(to now: Int) {
        if let grant, grant.ends <= now { end() }
    }

    /// The lease is over, whether or not its time is.
    mutating func end() {
        grant = nil
        mark = LeaseMark(cluster: mark.cluster, revision: mark.revision + 1)
    }

    var view: LeaseView { LeaseView(mark: mark, holder: grant?.holder) }

    mutating func perform(_ request: LeaseRequest, of who: ReplicaID, at now: Int, ttl: Int) -> LeaseAnswer {
        switch request {
        case .observe: return .observed(view)
        case .campaign:
            guard grant == nil || grantsTwice else { return .occupied(view) }
            mark = LeaseMark(cluster: mark.cluster, revision: mark.revision + 1)
            let token = LeaseToken(lease: mark.revision << 8 | mark.cluster, created: mark.revision)
            grant = Grant(holder: LeaseHolder(who: who, token: token), ends: now + ttl)
            return .granted(token, ttl: .milliseconds(ttl), mark)
        case .renew(let token):
            guard grant?.holder.token == token || grantsTwice else { return .gone(view) }
            grant?.ends = now + ttl
            return .renewed(ttl: .milliseconds(ttl), view)
        case .release(let token):
            if grant?.holder.token == token { end() }
            return .released(mark)
        }
    }
}

/// Bolts with their machines around one engine, in virtual milliseconds. Reigning is what a try leads to: at once.
struct LeaseWorld {
    enum Due {
        case timer(Int, TimerID, life: Int)
        case reaches(Int, LeaseRequestID, LeaseRequest, life: Int)
        case answer(Int, LeaseRequestID, LeaseAnswer, life: Int)
        case failure(Int, LeaseRequestID, life: Int)
    }
    struct Bolt {
        var machine: LeaseMachine
        var life = 0
        var isUp = true
        var pausedUntil = 0
        var tries = 0
        var asks: [Int] = []
        var ended: Set<LeaseRequestID> = []
    }

    var bolts: [Bolt] = []
    var engine = LeaseEngineModel()
    var now = 0
    var primary: Int?
    /// The engine answers nobody, or not this one.
    var engineIsDown = false
    /// Longest way of a request or an answer.
    var delayMax = 60
    /// One answer in fifty is lost on its way.
    var losesAnswers = true
    var cut: Set<Int> = []
    var log: [String] = []
    private var queue: [(at: Int, number: Int, due: Due)] = []
    private var scheduled = 0
    private var generator: SeededGenerator
    static let ttl = 5000
    let settings: LeaseSettings

    init(bolts count: Int, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        settings = LeaseSettings()
        for index in 0..<count { bolts.append(Bolt(machine: makeMachine(index))) }
    }

    private mutating func makeMachine(_ index: Int) -> LeaseMachine {
        LeaseMachine(me: Self.me(index), settings: settings, seed: generator.next())
    }

    static func me(_ index: Int) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (UInt64(index) + 1, 0, 0, 0)), incarnation: 1)
    }

    mutating func start(primary index: Int) {
        for bolt in bolts.indices {
            step(bolt, .role(bolt == index ? .primary : .standby))
            step(bolt, .started)
        }
        primary = index
    }

    mutating func draw(_ bound: Int) -> Int { Int(generator.below(UInt64(bound))) }

    mutating func kill(_ index: Int) {
        guard bolts[index].isUp else { return }
        bolts[index].isUp = false
        bolts[index].life += 1
        if primary == index { primary = nil }
        log.append("\(now) kill \(index)")
    }

    mutating func restart(_ index: Int) {
        guard !bolts[index].isUp else { return }
        bolts[index].machine = makeMachine(index)
        (bolts[index].isUp, bolts[index].pausedUntil) = (true, 0)
        log.append("\(now) restart \(index)")
        step(index, .role(.standby))
        step(index, .started)
    }

    mutating func pause(_ index: Int, _ time: Int) {
        bolts[index].pausedUntil = max(bolts[index].pausedUntil, now + time)
        log.append("\(now) pause \(index) for \(time)")
    }

    /// Runs all that is due up to an instant.
    mutating func run(until end: Int, check: (LeaseWorld) -> Void = { _ in }) {
        while let index = next(), queue[index].at <= end {
            let item = queue.remove(at: index)
            now = max(now, item.at)
            engine.advance(to: now)
            deliver(item.due)
            check(self)
        }
        now = max(now, end)
        engine.advance(to: now)
    }

    /// Who counts itself as holder at this instant and runs. Whoever has something to hear that is due is not asked.
    var holders: [Int] {
        bolts.indices.filter { index in
            guard bolts[index].isUp, bolts[index].pausedUntil <= now,
                case .holder = bolts[index].machine.standing
            else { return false }
            return !queue.contains { $0.at <= now && Self.owner($0.due) == index }
        }
    }

    private static func owner(_ due: Due) -> Int? {
        switch due {
        case .timer(let index, _, _), .answer(let index, _, _, _), .failure(let index, _, _): index
        case .reaches: nil
        }
    }

    private func next() -> Int? {
        queue.indices.min { (queue[$0].at, queue[$0].number) < (queue[$1].at, queue[$1].number) }
    }

    private mutating func put(_ due: Due, after time: Int) {
        scheduled += 1
        queue.append((now + time, scheduled, due))
    }

    private mutating func deliver(_ due: Due) {
        if let index = Self.owner(due), bolts[index].pausedUntil > now {
            scheduled += 1
            // In any order once it wakes.
            queue.append((bolts[index].pausedUntil, draw(1 << 30), due))
            return
        }
        switch due {
        case .timer(let index, let timer, let life):
            if bolts[index].isUp, bolts[index].life == life { step(index, .timerFired(timer)) }
        case .reaches(let index, let id, let request, let life):
            guard !engineIsDown, !cut.contains(index) else { return }
            let answer = engine.perform(request, of: Self.me(index), at: now, ttl: Self.ttl)
            // Some answers are lost on their way back.
            if !losesAnswers || draw(50) > 0 { put(.answer(index, id, answer, life: life), after: 1 + draw(delayMax)) }
        case .answer(let index, let id, let answer, let life):
            guard bolts[index].isUp, bolts[index].life == life, bolts[index].ended.insert(id).inserted else { return }
            step(index, .answered(id, answer))
        case .failure(let index, let id, let life):
            guard bolts[index].isUp, bolts[index].life == life, bolts[index].ended.insert(id).inserted else { return }
            step(index, .failed(id, .unreachable("no answer in time")))
        }
    }

    private mutating func step(_ index: Int, _ event: LeaseMachine.Event) {
        if case .started = event { bolts[index].ended = [] }
        let life = bolts[index].life
        for effect in bolts[index].machine.step(event) {
            switch effect {
            case .ask(let id, let request, let within):
                bolts[index].asks.append(now)
                put(.reaches(index, id, request, life: life), after: 1 + draw(delayMax))
                put(.failure(index, id, life: life), after: Self.milliseconds(within))
            case .schedule(let timer, let after): put(.timer(index, timer, life: life), after: Self.milliseconds(after))
            case .tryPromotion(let token):
                bolts[index].tries += 1
                log.append("\(now) try \(index)")
                let old = primary
                primary = index
                if let old, old != index { step(old, .role(.standby)) }
                step(index, .tried(token, succeeded: true))
                step(index, .role(.primary))
            case .standing(let standing): log.append("\(now) \(index) \(standing)")
            case .notify, .stopped: break
            }
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        Int(duration.components.seconds) * 1000 + Int(duration.components.attoseconds / 1_000_000_000_000_000)
    }
}
