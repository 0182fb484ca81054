import Dispatch
import LoopbackKit

/// The same without holding up a task's thread.
extension PlainHTTP {
    private static let queue = DispatchQueue(label: "spanner-chaos.http", attributes: .concurrent)

    /// The status; nil where no answer comes within a second.
    static func status(_ address: String, _ path: String) async -> Int? {
        await elsewhere { status(address, path) }
    }

    /// The body; nil where no answer comes, or it pauses for a second.
    static func text(_ address: String, _ path: String) async -> String? {
        await elsewhere { get(address, path)?.body }
    }

    private static func elsewhere<Value: Sendable>(_ ask: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: ask()) }
        }
    }
}
