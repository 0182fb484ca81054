import BoltAPI
import Envoy
import Spanner
import Synchronization
import Testing

/// A port that answers by a script and keeps what it was asked.
final class ScriptedPort: EnvoyPort, Sendable {
    /// What a request is answered with; called with the request and how many came before it.
    typealias Script = @Sendable (CheckInRequest, Int) throws(EnvoyPortFailure) -> CheckInResponse

    private let script: Script
    private let log = Mutex<[(address: String, request: CheckInRequest)]>([])

    init(_ script: @escaping Script) { self.script = script }

    var requests: [CheckInRequest] { log.withLock { $0.map(\.request) } }
    var addresses: [String] { log.withLock { $0.map(\.address) } }

    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse {
        let number = log.withLock { log in
            log.append((address, request))
            return log.count - 1
        }
        return try script(request, number)
    }

    /// The answer of an owner that has stored, and says is safe, so much.
    static func answer(
        stored: UInt64, released: UInt64, register: UInt64 = 0, epoch: UInt64 = 1, bolts: [BoltAddress] = [],
        claim: Base64Bytes? = nil, signature: Base64Bytes? = nil, boltsSignature: CheckInBoltsSignature? = nil
    ) -> CheckInResponse {
        CheckInResponse(
            storedThrough: stored, releaseThrough: released, level: .local,
            owner: CheckInOwner(partition: PartitionName(checked: "north")), nextIntervalSeconds: 0,
            bolts: bolts, register: register, epoch: epoch, contested: false, claim: claim,
            signature: signature, boltsSignature: boltsSignature)
    }

    /// The answer of an owner that has all of what it is told, and calls all of it safe.
    static func takeAll(_ request: CheckInRequest) -> CheckInResponse {
        answer(stored: last(request), released: last(request))
    }

    /// The highest sequence that a request brings or says is behind it.
    static func last(_ request: CheckInRequest) -> UInt64 {
        request.results.last?.sequence ?? request.firstHeld - 1
    }
}

extension EnvoyPortFailure {
    /// Nobody answers.
    static func away(_ reason: String = "nobody listens") -> Self {
        Self(.unavailable, code: "unreachable", reason: reason, next: "wait")
    }

    /// The mesh refuses the envoy.
    static func refused(_ reason: String) -> Self {
        Self(.refused, code: "banned", reason: reason, next: "ask an operator")
    }

    /// The owner has something else than it is told.
    static let contradicted = Self(.contradicted, code: "conflict", reason: "other results", next: "start over")
}
