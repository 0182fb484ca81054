/// Bounds and times of a client's conversation with bolts.
public struct ClientLimits: Sendable {
    /// Time for a TCP connection to come up.
    public var connectTimeout: Duration = .seconds(2)
    /// Time for one request at one bolt, TLS handshake included.
    public var requestTimeout: Duration = .seconds(10)
    /// Idle connections kept for each address.
    public var idleConnectionsMax = 2
    /// Silence of a bolt after which whoever wants to know is told whom the request waits for.
    public var waitNotice: Duration = .seconds(1)
    /// Bytes of an answer's body.
    public var answerBytesMax = 16 * 1024 * 1024
    /// Addresses that one request tries.
    public var addressesMax = 64

    /// The usual bounds.
    public init() {}
}
