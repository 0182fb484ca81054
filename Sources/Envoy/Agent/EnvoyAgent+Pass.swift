public import BoltAPI
public import BoltClient

extension EnvoyAgent {
    /// How a single pass ended. Nothing was deleted that its owner did not call safe.
    public enum Pass: Hashable, Sendable {
        /// All that the queue held is stored at the owner.
        case delivered(CheckInResponse)
        /// The owner took reports, but a limit was reached while so many records waited.
        case partly(waiting: Int)
        /// The last report failed; `attempts` are all that did in this pass, in order.
        case failed(EnvoyPortFailure, attempts: [ClientError.Attempt])
    }

    /// Bounds of a single pass.
    public struct PassLimits: Hashable, Sendable {
        /// Reports, successful or not.
        public var reportsMax = EnvoyLimits.passReportsMax
        /// Answers in a row that take nothing of what waits.
        public var fruitlessMax = 3
        /// Time, looked at between reports.
        public var duration: Duration = .seconds(300)

        /// The usual bounds.
        public init() {}
    }

    /// How far a pass has come.
    public struct Progress: Hashable, Sendable {
        /// Reports so far.
        public var reports: Int
        /// Records that are still held.
        public var waiting: Int
    }
}
