public import CRDT
public import Spanner
import Synchronization

/// Runs a `LeaseMachine` over an engine: the shell that asks, waits and tells.
///
/// Safe to share. All tasks live in `run()`.
public final class LeaseService: Sendable {
    /// What the owner of the partition is told, in order.
    public enum News: Hashable, Sendable {
        /// How this bolt stands is another.
        case standing(LeaseStanding)
        /// Now is the time to ask for promises; answer with `tried`.
        case tryPromotion(LeaseToken)
        /// For people.
        case notification(LeaseNotification)
    }

    /// What happens, for one reader. The newest `newsMax` are kept for it.
    public let news: AsyncStream<News>
    /// Where the leases come from.
    public let engine: any LeaseEngine

    private static let newsMax = 256
    private static let eventsMax = 1024
    private let teller: AsyncStream<News>.Continuation
    private let events: AsyncStream<LeaseMachine.Event>
    private let inbox: AsyncStream<LeaseMachine.Event>.Continuation
    private let start: LeaseMachine
    private let last: Mutex<LeaseStanding>

    /// A service for the disk `me`. Fails with `badSettings` where `settings` has violations.
    public init(
        me: ReplicaID, settings: LeaseSettings, engine: any LeaseEngine, seed: UInt64
    ) throws(LeaseError) {
        let violations = settings.violations
        guard violations.isEmpty else {
            throw LeaseError(
                .badSettings, what: "configure the lease", why: violations.joined(separator: "; "),
                next: "correct the settings of the lease")
        }
        self.engine = engine
        start = LeaseMachine(me: me, settings: settings, seed: seed)
        last = Mutex(start.standing)
        (news, teller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.newsMax))
        (events, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.eventsMax))
    }

    /// How this bolt stands now.
    public var standing: LeaseStanding { last.withLock { $0 } }

    /// What this bolt is to its partition now. May be called before `run`.
    public func role(_ role: LeaseRole) { inbox.yield(.role(role)) }

    /// What became of `News.tryPromotion`.
    public func tried(_ token: LeaseToken, succeeded: Bool) { inbox.yield(.tried(token, succeeded: succeeded)) }

    /// Gives back what is held and ends `run`, within a few request timeouts.
    public func stop() { inbox.yield(.stop) }

    /// To be called once. Works until `stop`, or until its task is cancelled: what is held then runs out by itself.
    public func run() async {
        guard engine.isAutomatic else {
            for await event in events where event == .stop { break }
            teller.finish()
            return
        }
        inbox.yield(.started)
        await withDiscardingTaskGroup { group in
            var machine = start
            work: for await event in events {
                for effect in machine.step(event) {
                    guard perform(effect, in: &group) else { break work }
                }
            }
            group.cancelAll()
        }
        await engine.close()
        teller.finish()
    }

    /// False: there is no more to do.
    private func perform(_ effect: LeaseMachine.Effect, in group: inout DiscardingTaskGroup) -> Bool {
        switch effect {
        case .ask(let id, let request, let within):
            group.addTask { [engine, inbox] in
                do throws(LeaseFailure) {
                    inbox.yield(.answered(id, try await engine.perform(request, within: within)))
                } catch { inbox.yield(.failed(id, error)) }
            }
        case .schedule(let timer, let after):
            group.addTask { [inbox] in
                // Continuous: time that a machine was suspended counts, leases do not wait for it.
                if (try? await Task.sleep(for: after, clock: .continuous)) != nil { inbox.yield(.timerFired(timer)) }
            }
        case .standing(let standing):
            last.withLock { $0 = standing }
            teller.yield(.standing(standing))
        case .tryPromotion(let token): teller.yield(.tryPromotion(token))
        case .notify(let notification): teller.yield(.notification(notification))
        case .stopped: return false
        }
        return true
    }
}
