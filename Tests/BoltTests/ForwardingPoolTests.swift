import BoltAPI
import NIOCore
import NIOPosix
import Testing

@testable import Bolt

/// A change of primary makes no storm of connections between bolts.
@Suite struct ForwardingPoolTests {
    @Test(
        "P9: requests that find all connections to a bolt in use wait their turn and get one each",
        .timeLimit(.minutes(1)))
    func turns() async throws {
        let pool = ForwardingPool()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<200 {
                tasks.addTask {
                    let turn = try await pool.turn(at: "b", within: .seconds(30), on: loop)
                    guard case .connect = turn else { throw ChannelError.eof }
                    await tally.enter()
                    await tally.leave()
                    pool.give(back: nil, at: "b")
                }
            }
            try await tasks.waitForAll()
        }
        #expect(await tally.most <= ForwardingPool.connectionsMax)
    }

    private actor Tally {
        private var now = 0
        private(set) var most = 0

        func enter() {
            now += 1
            most = max(most, now)
        }
        func leave() { now -= 1 }
    }

    @Test("who gets no turn in time is told so, and takes none from those behind", .timeLimit(.minutes(1)))
    func late() async throws {
        let pool = ForwardingPool()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        for _ in 0..<ForwardingPool.connectionsMax {
            _ = try await pool.turn(at: "b", within: .seconds(30), on: loop)
        }
        await #expect(throws: Problem.self) { try await pool.turn(at: "b", within: .milliseconds(20), on: loop) }
        _ = try await pool.turn(at: "c", within: .seconds(30), on: loop)
        pool.give(back: nil, at: "b")
        guard case .connect = try await pool.turn(at: "b", within: .seconds(30), on: loop) else {
            Issue.record("no turn")
            return
        }
    }

    /// The time was counted from before the request stood in the queue: one that was over at once found nobody to tell.
    @Test("a time that is over at once is told too", .timeLimit(.minutes(1)))
    func atOnce() async throws {
        let pool = ForwardingPool()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        for _ in 0..<ForwardingPool.connectionsMax {
            _ = try await pool.turn(at: "b", within: .seconds(30), on: loop)
        }
        for _ in 0..<500 {
            await #expect(throws: Problem.self) { try await pool.turn(at: "b", within: .zero, on: loop) }
        }
    }
}
