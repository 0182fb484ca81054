internal import NIOCore

/// Bounds of requests, beside those of `APILimits`.
enum HTTPLimits {
    /// Bytes of one header field.
    static let headerFieldBytesMax = 8 * 1024
    /// Bytes of all header fields.
    static let headerBytesMax = 16 * 1024
    /// Header fields.
    static let headerFieldsMax = 64
    /// Bytes of a request's target.
    static let targetBytesMax = 2 * 1024
    /// Silence between requests after which a connection is closed.
    static let idleTimeout: TimeAmount = .seconds(90)
    /// From a request's head to the end of its body.
    static let bodyTimeout: TimeAmount = .seconds(30)
    /// Bytes of a refused body that are read and thrown away, so that the refusal arrives.
    static let discardBytesMax = 4 * 1024 * 1024
    /// Silence of a refused body after which the connection is closed: the refusal has arrived by then.
    static let lingerTimeout: TimeAmount = .seconds(1)
    /// From a refusal to the end of its connection, however long the body goes on.
    static let lingerMax: TimeAmount = .seconds(10)
    /// Bytes of a request id that is taken over.
    static let requestIDBytesMax = 64
    /// Values of query items that are looked at.
    static let queryItemsMax = 16
}
