import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// A slice goes from one partition's database to another's: snapshot, tail, digest, and who has it afterwards.
@Suite struct SliceHandoffTests {
    static let slice = SliceID(group: GroupID(TestWitness.digest([1])), index: 3)
    static let south = PartitionIdentity(mesh: TestIdentity.mesh, partition: PartitionName(checked: "south"))

    /// A partition that writes its journal, all of it safe.
    final class Side {
        let bed: JournalBed
        let store: PartitionStore
        var author: LogAuthor

        init(_ identity: PartitionIdentity) throws {
            bed = try JournalBed(identity: identity)
            store = try #require(bed.store)
            author = LogAuthor(identity)
            try store.commit(author.founding())
        }

        @discardableResult
        func write(_ commands: [PartitionCommand], isSafe: Bool = true) throws -> LogPoint {
            let record = author.commands(commands)
            let outcomes = try store.commit(author.write([record], safe: isSafe ? record.position : nil))
            for case .refused(let error) in outcomes.flatMap({ $0 }) { throw error }
            return author.tip
        }
    }

    private func results(_ envoy: UInt64, _ queue: UInt64, _ sequences: ClosedRange<UInt64>) -> PartitionCommand {
        let source = PartitionCommand.EnvoyQueue(envoy: envoyID(envoy), queue: queueID(queue))
        return .results(
            PartitionCommand.QueuedResults(
                source: source, received: WallTime(milliseconds: 100 + sequences.lowerBound),
                results: sequences.map { SequencedResult(sequence: $0, body: Array("\(queue): \($0)".utf8)) }))
    }

    private func seen(_ envoy: UInt64, _ at: UInt64, traits: [UInt8]? = nil) -> PartitionCommand {
        .seen([
            PartitionCommand.EnvoySighting(
                envoy: envoyID(envoy), at: WallTime(milliseconds: at), traits: traits)
        ])
    }

    private func placed(_ envoy: UInt64, in slice: SliceID = SliceHandoffTests.slice) -> PartitionCommand {
        .placed([PartitionCommand.EnvoyPlacement(envoy: envoyID(envoy), slice: slice)])
    }

    private func order(_ number: UInt8 = 1) throws -> HandoffOrder {
        let register = SliceRegister(
            slice: SliceHandoffTests.slice, owner: north.partition, position: 0, hash: TestWitness.digest([2]))
        return try #require(
            HandoffOrder(
                id: HandoffID(TestWitness.digest([number])), register: register,
                to: SliceHandoffTests.south.partition))
    }

    private func signed(_ order: HandoffOrder, _ seal: SliceSeal) throws -> SignedTransition {
        let transition = try #require(
            SliceTransition(ending: order.register, to: order.to, cause: .handOn(seal: seal)))
        return TestPartition(order.from).sign(transition)
    }

    /// Envoys 1 to 3 are in the slice, 4 is in another one.
    private func source() throws -> Side {
        let side = try Side(north)
        try side.write([placed(1), results(1, 1, 1...5), seen(1, 10, traits: [1, 2])])
        try side.write([placed(2), results(2, 2, 1...2), seen(2, 11)])
        let other = SliceID(group: SliceHandoffTests.slice.group, index: 4)
        try side.write([placed(4, in: other), results(4, 4, 1...9), seen(4, 12)])
        let hole = PartitionCommand.EnvoyQueue(envoy: envoyID(3), queue: queueID(3))
        try side.write([
            placed(3), .base(hole, through: 7, reason: "lost", at: WallTime(milliseconds: 3)), results(3, 3, 8...9),
            seen(3, 13),
        ])
        return side
    }

    /// Sends a snapshot whole; gives the place that it is of.
    private func sendSnapshot(
        _ source: Side, _ target: Side, _ order: HandoffOrder, while work: () throws -> Void = {}
    ) throws -> LogPoint {
        var snapshot = try source.store.beginSliceSnapshot(order.slice, at: nil)
        var number: UInt32 = 0
        while true {
            let next = try source.store.piece(number, of: &snapshot)
            let read = try #require(next)
            try target.write([.handoffTarget(.stored(order.id, read.piece))])
            guard case .snapshot(let point, _, let isLast) = read.piece.place else {
                Issue.record("no piece of a snapshot")
                return snapshot.point
            }
            #expect(point == snapshot.point)
            if isLast { return point }
            try work()
            number += 1
        }
    }

    /// Sends what the journal did since.
    private func sendTail(
        _ source: Side, _ target: Side, _ order: HandoffOrder, from place: LogPoint
    ) throws -> LogPoint {
        var (read, sent) = (place, place)
        let limit = source.author.tip.position
        while read.position < limit {
            switch try source.store.tail(of: order.slice, after: read, upTo: limit) {
            case .gone:
                Issue.record("the tail is gone")
                return sent
            case .nothing(let through): read = through
            case .piece(let piece):
                guard case .tail(_, let through) = piece.place else { continue }
                let next = HandoffPiece(place: .tail(after: sent, through: through), content: piece.content)
                try target.write([.handoffTarget(.stored(order.id, next))])
                (read, sent) = (through, through)
            }
        }
        if sent != read {
            try target.write([
                .handoffTarget(.stored(order.id, HandoffPiece(place: .tail(after: sent, through: read), content: [])))
            ])
        }
        return read
    }

    @Test("P7, P8: after snapshot and tail both digests are equal, and the target serves what the source did")
    func whole() throws {
        let (source, target, order) = (try source(), try Side(SliceHandoffTests.south), try order())
        try source.write([.handoffSource(.begun(order))])
        try target.write([.handoffTarget(.opened(order))])
        // The snapshot shows more than its place; what comes in meanwhile is in it, or in the tail, or in both.
        let place = try sendSnapshot(source, target, order) {}
        try source.write([results(1, 1, 6...8), seen(1, 20, traits: [9]), results(4, 4, 10...11)])
        try source.write([seen(4, 21)])
        try source.write([results(2, 5, 1...1), seen(2, 22)])
        try source.write([placed(5), results(5, 6, 1...3), seen(5, 23)])
        let sealed = try source.write([.handoffSource(.sealed(order.id))])
        let through = try sendTail(source, target, order, from: place)
        #expect(through == sealed)
        let seal = SliceSeal(point: sealed, digest: try source.store.digest(of: order.slice))
        #expect(try target.store.stagedDigest(of: order.id) == seal.digest)
        #expect(try target.store.tables.results.count() == 0, "nothing is served before the hand-on")
        try target.write([.handoffTarget(.held(order.id, seal))])
        let signed = try signed(order, seal)
        try source.write([.handoffSource(.handedOn(order.id, signed))])
        try target.write([.handoffTarget(.adopted(order.id, signed))])
        #expect(try target.store.digest(of: order.slice) == seal.digest)
        let expected: [(envoy: UInt64, queue: UInt64, stored: UInt64)] = [
            (1, 1, 8), (2, 2, 2), (2, 5, 1), (3, 3, 9), (5, 6, 3),
        ]
        for (envoy, queue, stored) in expected {
            let (from, to) = (source.store.tables.results, target.store.tables.results)
            #expect(try to.storedThrough(queueID(queue)) == stored)
            #expect(try to.results(of: envoyID(envoy), limit: 100) == from.results(of: envoyID(envoy), limit: 100))
            let holes = try from.bases(of: envoyID(envoy)).map { $0.range }
            #expect(try to.bases(of: envoyID(envoy)).map { $0.range } == holes)
            #expect(
                try target.store.tables.envoys.record(of: envoyID(envoy))
                    == source.store.tables.envoys.record(of: envoyID(envoy)))
        }
        #expect(try target.store.tables.results.storedThrough(queueID(4)) == 0, "another slice's")
        try target.store.integrityCheck()
        // P5: a repeat of what the source had stored adds nothing at the target, and the next goes on there.
        try target.write([results(1, 1, 8...9)])
        #expect(try target.store.tables.results.storedThrough(queueID(1)) == 9)
        try collected(source, order)
    }

    private func collected(_ source: Side, _ order: HandoffOrder) throws {
        try source.write([.sliceCollected(order.id, envoys: 100)])
        #expect(try source.store.holds(order.slice), "not before the target serves, safe")
        try source.write([.handoffSource(.released(order.id))])
        try source.write([.sliceCollected(order.id, envoys: 2)])
        #expect(try source.store.holds(order.slice))
        try source.write([.sliceCollected(order.id, envoys: 2)])
        #expect(try !source.store.holds(order.slice))
        #expect(try source.store.tables.results.storedThrough(queueID(1)) == 0)
        #expect(try source.store.tables.results.storedThrough(queueID(4)) == 11, "another slice stays")
        try source.store.integrityCheck()
    }

    @Test("P5: what is left where a slice was taken over fills the owner's holes, and the later traits stay")
    func remains() throws {
        let (lost, owner) = (try source(), try Side(SliceHandoffTests.south))
        let hole = PartitionCommand.EnvoyQueue(envoy: envoyID(1), queue: queueID(1))
        try owner.write([
            placed(1), .base(hole, through: 3, reason: "not held", at: WallTime(milliseconds: 50)),
            results(1, 1, 4...6), seen(1, 60, traits: [9]),
        ])
        var envoys: [PrincipalID] = []
        while let envoy = try lost.store.firstEnvoy(of: SliceHandoffTests.slice, after: envoys.last) {
            envoys.append(envoy)
            let remains = try lost.store.remains(of: envoy)
            for part in 0..<remains.count {
                let content = try lost.store.content(of: part, remains)
                let commands = try #require(try owner.store.commands(bringing: content, of: envoy))
                // Taken twice it changes nothing.
                for _ in 0..<2 {
                    let placement = PartitionCommand.EnvoyPlacement(envoy: envoy, slice: SliceHandoffTests.slice)
                    try owner.write([.placed([placement])] + commands)
                }
                #expect(try owner.store.commands(bringing: content, of: envoyID(9)) == nil, "another envoy's")
            }
        }
        #expect(envoys == [1, 2, 3].map { envoyID($0) })
        let tables = owner.store.tables
        #expect(try tables.results.results(of: envoyID(1), limit: 100).map(\.sequence) == Array(1...6))
        #expect(try tables.envoys.record(of: envoyID(1))?.traits?.document == [9])
        #expect(try tables.results.storedThrough(queueID(2)) == 2)
        #expect(try tables.results.results(of: envoyID(3), limit: 100).map(\.sequence) == [8, 9])
        #expect(try tables.results.bases(of: envoyID(3)).map(\.range) == [1...7])
        try owner.store.integrityCheck()
        try lost.write(
            envoys.map { .remainsGone(PartitionCommand.EnvoyPlacement(envoy: $0, slice: SliceHandoffTests.slice)) })
        #expect(try !lost.store.holds(SliceHandoffTests.slice))
        #expect(try lost.store.tables.results.storedThrough(queueID(4)) == 9, "another slice stays")
        try lost.store.integrityCheck()
    }

    @Test("P5: what was staged when an operator took the slice over joins what is here, and nothing here gives way")
    func claimed() throws {
        let (source, target, order) = (try source(), try Side(SliceHandoffTests.south), try order())
        let other = SliceID(group: SliceHandoffTests.slice.group, index: 4)
        let hole = PartitionCommand.EnvoyQueue(envoy: envoyID(1), queue: queueID(1))
        try target.write([
            placed(1), .base(hole, through: 3, reason: "not held", at: WallTime(milliseconds: 50)),
            results(1, 1, 4...6), seen(1, 60, traits: [9]), placed(2, in: other),
        ])
        try target.write([.handoffTarget(.opened(order))])
        _ = try sendSnapshot(source, target, order)
        try target.write([.handoffTarget(.claimed(order.id, reason: "taken over"))])
        let tables = target.store.tables
        #expect(try tables.slices.target(order.id)?.phase == .dropped)
        #expect(try target.store.stagedDigest(of: order.id) == SliceModel().digest(TestWitness()))
        #expect(try tables.results.results(of: envoyID(1), limit: 100).map(\.sequence) == Array(1...6))
        #expect(try tables.results.storedThrough(queueID(1)) == 6)
        #expect(try tables.envoys.record(of: envoyID(1))?.traits?.document == [9])
        #expect(try tables.results.storedThrough(queueID(2)) == 0, "an envoy of another slice here")
        #expect(try tables.results.results(of: envoyID(3), limit: 100).map(\.sequence) == [8, 9])
        #expect(try tables.results.storedThrough(queueID(3)) == 9)
        try target.store.integrityCheck()
    }

    @Test("P5: of a queue whose beginning did not come nothing counts as stored")
    func joinedToTheHole() {
        var queue = SliceModel.Queue(envoy: envoyID(1), place: 0)
        for sequence in [1, 2, 5] as [UInt64] {
            queue.results[sequence] = SliceRow.Result(sequence: sequence, received: 1, body: [])
        }
        #expect(queue.denseThrough == 2 && queue.storedThrough == 5)
        #expect(queue.cut(after: 2).storedThrough == 2)
        queue.bases[4] = SliceModel.Base(first: 3, reason: "lost", at: 1)
        #expect(queue.denseThrough == 5)
        queue.results[1] = nil
        #expect(queue.denseThrough == 0)
    }

    @Test("P4, P7: what was staged, adopted and collected is taken back to the very rows, wherever the journal is cut")
    func cut() throws {
        let (source, target, order) = (try source(), try Side(SliceHandoffTests.south), try order())
        try source.write([.handoffSource(.begun(order))])
        try target.write([.handoffTarget(.opened(order))])
        let (clean, start) = (try tableDump(target.store), target.author)
        var snapshot = try source.store.beginSliceSnapshot(order.slice, at: nil)
        let first = try source.store.piece(0, of: &snapshot)
        let piece = try #require(first).piece
        try target.write([.handoffTarget(.stored(order.id, piece))], isSafe: false)
        let seal = SliceSeal(point: snapshot.point, digest: try source.store.digest(of: order.slice))
        try target.write([.handoffTarget(.held(order.id, seal))], isSafe: false)
        let (held, beforeAdoption) = (try tableDump(target.store), target.author)
        try target.write([.handoffTarget(.adopted(order.id, signed(order, seal)))], isSafe: false)
        #expect(try target.store.tables.results.storedThrough(queueID(1)) == 5)
        var write = PartitionWrite(fence: target.author.fence)
        write.cut = beforeAdoption.tip.position
        try target.store.commit(write)
        #expect(try tableDump(target.store) == held)
        write.cut = start.tip.position
        try target.store.commit(write)
        #expect(try tableDump(target.store) == clean)
        target.author = start
        #expect(try target.store.tables.slices.target(order.id)?.phase == .receiving)
    }

    @Test("A target that goes back to a place drops what came after it, and nothing else")
    func rewound() throws {
        let (source, target, order) = (try source(), try Side(SliceHandoffTests.south), try order())
        try target.write([.handoffTarget(.opened(order))])
        let place = try sendSnapshot(source, target, order)
        let before = try target.store.stagedDigest(of: order.id)
        try source.write([results(1, 1, 6...6), seen(1, 30)])
        _ = try sendTail(source, target, order, from: place)
        #expect(try target.store.stagedDigest(of: order.id) != before)
        try target.write([.handoffTarget(.truncated(order.id, to: place))])
        #expect(try target.store.stagedDigest(of: order.id) == before)
        try target.write([.handoffTarget(.truncated(order.id, to: nil))])
        #expect(try target.store.stagedDigest(of: order.id) == SliceModel().digest(TestWitness()))
    }

    @Test("A slice of large results is cut into pieces that commands of a journal hold, and is whole at the other end")
    func large() throws {
        let (source, target, order) = (try Side(north), try Side(SliceHandoffTests.south), try order())
        for envoy in 1...4 as ClosedRange<UInt64> {
            try source.write([placed(envoy), seen(envoy, envoy, traits: [UInt8](repeating: 5, count: 200_000))])
            for sequence in 1...6 as ClosedRange<UInt64> {
                let queue = PartitionCommand.EnvoyQueue(envoy: envoyID(envoy), queue: queueID(envoy))
                let body = [UInt8](repeating: UInt8(sequence), count: sequence == 3 ? 256 * 1024 : 70_000)
                try source.write([
                    .results(
                        .init(
                            source: queue, received: WallTime(milliseconds: 1),
                            results: [SequencedResult(sequence: sequence, body: body)]))
                ])
            }
        }
        try target.write([.handoffTarget(.opened(order))])
        var snapshot = try source.store.beginSliceSnapshot(order.slice, at: nil)
        var (number, largest): (UInt32, Int) = (0, 0)
        while let read = try source.store.piece(number, of: &snapshot) {
            largest = max(largest, read.piece.content.count)
            // A piece that is read again is the same.
            let again = try source.store.piece(number, of: &snapshot)
            #expect(again?.piece == read.piece)
            try target.write([.handoffTarget(.stored(order.id, read.piece))])
            guard case .snapshot(_, _, false) = read.piece.place else { break }
            number += 1
        }
        #expect(number > 8 && largest <= HandoffLimits.pieceBytesMax)
        #expect(try target.store.stagedDigest(of: order.id) == source.store.digest(of: order.slice))
    }

    @Test("A tail that the journal no longer has, or that is of another history, is gone; none is made up")
    func gone() throws {
        let source = try source()
        let place = source.author.tip
        for number in 1...40 as ClosedRange<UInt64> { try source.write([results(1, 1, (5 + number)...(5 + number))]) }
        let limit = source.author.tip.position
        let other = LogPoint(epoch: place.epoch, position: place.position, hash: TestWitness.digest([77]))
        guard case .gone = try source.store.tail(of: SliceHandoffTests.slice, after: other, upTo: limit) else {
            Issue.record("a place of another history was followed")
            return
        }
        while try source.store.compact(through: limit - 5) {}
        guard case .gone = try source.store.tail(of: SliceHandoffTests.slice, after: place, upTo: limit) else {
            Issue.record("a tail was made up")
            return
        }
        #expect(try source.store.first(of: [place, source.author.tip], safe: limit) == source.author.tip)
        #expect(try source.store.first(of: [source.author.tip], safe: limit - 1) == nil)
    }

    @Test("Envoys that were seen before there were slices are found, a stretch at a time")
    func unplaced() throws {
        let side = try Side(north)
        for envoy in 1...25 as ClosedRange<UInt64> {
            try side.write([seen(envoy, envoy)] + (envoy.isMultiple(of: 5) ? [placed(envoy)] : []))
        }
        var (found, last): ([PrincipalID], PrincipalID?) = ([], nil)
        repeat {
            let page = try side.store.tables.slices.unplaced(after: last, limit: 10)
            found += page.envoys
            last = page.last
        } while last != nil
        #expect(found == (1...25).filter { $0 % 5 != 0 }.map { envoyID(UInt64($0)) })
        #expect(try side.store.tables.slices.counts() == [SliceHandoffTests.slice: 5])
    }

    /// The bytes of a whole database, its journal among them, stood for what its slices have: 20 MiB for 130 KB.
    @Test("What a slice is told to have agrees with what a handoff sends", arguments: [5, 700] as [UInt64])
    func bytes(count: UInt64) throws {
        let (side, target) = (try source(), try Side(SliceHandoffTests.south))
        for envoy in 11...16 as ClosedRange<UInt64> {
            let queue = PartitionCommand.EnvoyQueue(envoy: envoyID(envoy), queue: queueID(envoy))
            let results = (1...count).map {
                SequencedResult(sequence: $0, body: Array(repeating: 7, count: 100 + Int($0 % 7) * 20))
            }
            try side.write([placed(envoy), seen(envoy, 1_800_000_000_000, traits: Array(repeating: 1, count: 300))])
            for start in stride(from: 0, to: results.count, by: 100) {
                let some = Array(results[start..<min(start + 100, results.count)])
                try side.write([
                    .results(
                        PartitionCommand.QueuedResults(
                            source: queue, received: WallTime(milliseconds: 1_800_000_000_000), results: some))
                ])
            }
        }
        var (sent, number, isLast) = (UInt64(0), UInt32(0), false)
        var snapshot = try side.store.beginSliceSnapshot(SliceHandoffTests.slice, at: nil)
        while !isLast {
            let next = try side.store.piece(number, of: &snapshot)
            let piece = try #require(next).piece
            sent += UInt64(piece.content.count)
            if case .snapshot(_, _, let last) = piece.place { isLast = last } else { isLast = true }
            number += 1
        }
        let told = try side.store.tables.slices.sample(of: SliceHandoffTests.slice, limit: 100)
        #expect(told.envoys == 9 && told.bytes > sent * 8 / 10 && told.bytes < sent * 12 / 10, "\(told), \(sent) sent")
        let some = try side.store.tables.slices.sample(of: SliceHandoffTests.slice, limit: 2)
        #expect(some.envoys == 2 && some.bytes < told.bytes)
        let none = try target.store.tables.slices.sample(of: SliceHandoffTests.slice, limit: 100)
        #expect(none.envoys == 0 && none.bytes == 0)
    }

    @Test("A task's records are read back in order, large ones from their parts, and a half written one not at all")
    func tasks() throws {
        let side = try Side(north)
        let id = PrincipalID(high: 4, low: 4)
        let moves = (0..<3000).compactMap { index -> RebalanceMove? in
            let register = SliceRegister(
                slice: SliceID(group: SliceHandoffTests.slice.group, index: UInt32(index)), owner: north.partition,
                position: 0, hash: TestWitness.digest([UInt8(truncatingIfNeeded: index)]))
            return RebalanceMove(register: register, to: SliceHandoffTests.south.partition, envoys: 1, bytes: 2)
        }
        let job = try #require(RebalanceJob(id: id, topology: .zero, moves: moves))
        let records: [RebalanceRecord] = [
            .planned(job, HandoffBudget.Limits(slices: 4)), .began(move: 0, attempt: 0),
            .failed(move: 0, attempt: 0, reason: "busy"), .paused,
        ]
        var expected = RebalanceState(job: job, limits: HandoffBudget.Limits(slices: 4))
        for (number, record) in records.enumerated() {
            let bytes = record.canonicalBytes
            let size = PartitionLimits.taskPartBytesMax
            let parts = max(1, (bytes.count + size - 1) / size)
            for part in 0..<parts {
                let range = (part * size)..<min(bytes.count, (part + 1) * size)
                try side.write([
                    .task(
                        .init(
                            task: id, number: UInt64(number), part: UInt64(part), parts: UInt64(parts),
                            bytes: Array(bytes[range])))
                ])
                if number == 0, part == 0 {
                    #expect(parts > 1)
                    #expect(try side.store.tables.slices.task(id) == nil, "half of a plan is none")
                }
            }
            if number > 0 { expected.apply(record) }
        }
        let read = try #require(try side.store.tables.slices.task(id))
        #expect(read.state == expected && read.records == 4)
        #expect(try side.store.tables.slices.tasks() == [id])
    }

    @Test("P8: the digest is the same taken a piece and an envoy at a time, and when more comes after it was taken")
    func folded() throws {
        let (source, target, order) = (try source(), try Side(SliceHandoffTests.south), try order())
        try target.write([.handoffTarget(.opened(order))])
        var fold = target.store.beginFold(of: order.id)
        let place = try sendSnapshot(source, target, order)
        var steps = 0
        while fold.value == nil, steps < 100 {
            try target.store.step(&fold, bytes: 1)
            steps += 1
        }
        #expect(steps > 3, "a piece, then an envoy at a time")
        let first = try target.store.stagedDigest(of: order.id)
        #expect(fold.value == first)
        try source.write([results(1, 1, 6...8), seen(1, 30, traits: [9])])
        _ = try sendTail(source, target, order, from: place)
        try target.store.read(&fold, bytes: 1)
        #expect(fold.value == nil, "it is another now")
        try target.store.step(&fold, bytes: .max)
        let second = try target.store.stagedDigest(of: order.id)
        #expect(fold.value == second && second != first)
        var digest = source.store.beginDigest(of: order.slice)
        steps = 0
        while digest.value == nil, steps < 100 {
            try source.store.step(&digest, bytes: 1)
            steps += 1
        }
        #expect(digest.value == second && steps > 3)
        let judged = try target.store.judge(fold, of: order) { _ in true }
        #expect(judged?.digest == second && judged?.conflicts.isEmpty == true)
    }

    @Test("Handoffs that are over and were followed go, but for the newest; the last move stays, and a cut undoes it")
    func forgotten() throws {
        let side = try Side(north)
        var before: (rows: [UInt64], author: LogAuthor)?
        for number in 0..<10 as Range<UInt8> {
            let register = SliceRegister(
                slice: SliceHandoffTests.slice, owner: north.partition, position: UInt64(number),
                hash: TestWitness.digest([2, number]))
            let order = try #require(
                HandoffOrder(
                    id: HandoffID(TestWitness.digest([number])), register: register,
                    to: SliceHandoffTests.south.partition))
            try side.write([.handoffSource(.begun(order))])
            let point = try side.write([.handoffSource(.sealed(order.id))])
            let seal = SliceSeal(point: point, digest: TestWitness.digest([3]))
            try side.write([.handoffSource(.handedOn(order.id, signed(order, seal)))])
            try side.write([.handoffSource(.released(order.id))])
            before = (try positions(side), side.author)
            try side.write([.handoffSource(.collected(order.id))], isSafe: number < 9)
        }
        #expect(try positions(side) == [5, 6, 7, 8, 9])
        let (rows, author) = try #require(before)
        var write = PartitionWrite(fence: side.author.fence)
        write.cut = author.tip.position
        try side.store.commit(write)
        #expect(try positions(side) == rows && rows.count == 6)
        try side.store.integrityCheck()
    }

    private func positions(_ side: Side) throws -> [UInt64] {
        try side.store.tables.slices.handoffs(includingOver: true).sources.map(\.order.register.position).sorted()
    }

    @Test("A task is forgotten when it is over, and not before")
    func forgottenTask() throws {
        let side = try Side(north)
        let id = PrincipalID(high: 4, low: 5)
        let job = try #require(RebalanceJob(id: id, topology: .zero, moves: []))
        var number: UInt64 = 0
        func write(_ record: RebalanceRecord) throws {
            try side.write([
                .task(.init(task: id, number: number, part: 0, parts: 1, bytes: record.canonicalBytes))
            ])
            if record != .forgotten { number += 1 }
        }
        try write(.planned(job, HandoffBudget.Limits()))
        try write(.forgotten)
        #expect(try side.store.tables.slices.task(id)?.records == 1)
        try write(.ended)
        #expect(try side.store.tables.slices.task(id)?.state.phase == .ended)
        try write(.forgotten)
        #expect(try side.store.tables.slices.tasks().isEmpty)
        #expect(try side.store.tables.slices.task(id) == nil)
    }
}
