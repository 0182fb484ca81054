import ArgumentParser
import BoltAPI
import Spanner

/// What a task's handoffs may take at once.
struct BudgetOptions: ParsableArguments {
    @Option(name: .customLong("slices-in-flight"), help: "Slices that are on their way at once, 1 to 256. Default: 16.")
    var slicesInFlight: Int?

    @Option(name: .customLong("bytes-per-second"), help: "Bytes a second, such as 64M; none for no bound, the default.")
    var bytesPerSecond: String?

    @Option(
        name: .customLong("added-latency-ms"),
        help: "Milliseconds by which the slowest hundredth of check-ins may slow down; none for no bound, the default.")
    var addedLatency: String?

    /// Whether nothing is said.
    var isEmpty: Bool { slicesInFlight == nil && bytesPerSecond == nil && addedLatency == nil }

    /// The limits: what is not said stays as `known`.
    func limits(from known: TaskLimits = TaskLimits(HandoffBudget.Limits())) throws -> TaskLimits {
        var limits = known
        if let slicesInFlight {
            guard (1...HandoffLimits.slicesInFlightMax).contains(slicesInFlight) else {
                throw CommandFailure(
                    "bad_budget",
                    "--slices-in-flight takes 1 to \(HandoffLimits.slicesInFlightMax), not \(slicesInFlight)",
                    reason: "nothing was changed", next: "name a number within that, such as --slices-in-flight 16",
                    status: .usage)
            }
            limits.slices = slicesInFlight
        }
        if let bytesPerSecond {
            limits.bytesPerSecond = try Self.bound(
                bytesPerSecond, "--bytes-per-second", example: "512, 20M or 1G", ByteText.bytes)
        }
        if let addedLatency {
            limits.addedMilliseconds = try Self.bound(addedLatency, "--added-latency-ms", example: "5") { UInt64($0) }
        }
        return limits
    }

    private static func bound(
        _ text: String, _ option: String, example: String, _ read: (String) -> UInt64?
    ) throws -> UInt64? {
        if text == "none" { return nil }
        guard let value = read(text), value > 0 else {
            throw CommandFailure(
                "bad_budget", "\(option) “\(text)” is no whole number above 0, and not none",
                reason: "nothing was changed", next: "write \(example), or none for no bound", status: .usage)
        }
        return value
    }
}

extension TaskLimits {
    /// `16 slices at once, 64.0 MiB a second, check-ins 5 ms slower at most`.
    var text: String {
        let rate = bytesPerSecond.map { "\(ByteText.text($0)) a second" } ?? "as many bytes as go"
        let latency = addedMilliseconds.map { ", check-ins \($0) ms slower at most" } ?? ""
        return "\(Plural.text(slices, "slice")) at once, \(rate)\(latency)"
    }
}
