public import NIOCore

/// Bounds of everything that arrives over a socket before anybody has judged it.
public enum TransportLimits {
    /// From the first byte of a connection to the end of its TLS handshake.
    public static let handshakeTimeout: TimeAmount = .seconds(5)
    /// How long one end waits for the other's `close_notify` before it hangs up.
    public static let closeTimeout: TimeAmount = .seconds(1)
    /// From a dial to an established TCP connection.
    public static let connectTimeout: TimeAmount = .seconds(5)
    /// Connections accepted at one time, of every kind.
    public static let connectionsMax = 12_000
    /// Connections that may wait to be accepted.
    public static let backlog: CInt = 1024
    /// Connections of one address that have not shown a verified certificate.
    public static let anonymousPerAddressMax = 64
    /// Connections that one envoy or operator may hold.
    public static let perIdentityMax = 16
    /// Connections that one bolt may hold: links, and requests that it forwards.
    public static let perBoltMax = 64
    /// Bytes that may wait to be written to one peer: a peer that reads more slowly than this loses its link. More than
    /// a partition's primary has on its way before an acknowledgement, gossip and pieces of a snapshot beside it.
    public static let outboundBytesMax = 24 * 1024 * 1024
    /// Bytes received from one peer that its owner has not dealt with: beyond it the link is not read.
    public static let inboundBytesMax = 2 * 1024 * 1024
    /// Silence on a peer link after which the transport hangs up, whatever the core thinks.
    public static let peerSilenceTimeout: TimeAmount = .seconds(30)
    /// Chains remembered for resumed sessions, which present only their leaf.
    public static let rememberedChainsMax = 8_192
    /// First pause between dials of one address.
    public static let dialPauseMin: TimeAmount = .milliseconds(100)
    /// Longest pause between dials of one address.
    public static let dialPauseMax: TimeAmount = .seconds(10)
    /// A link that lived this long starts its pauses over.
    public static let dialSettled: TimeAmount = .seconds(5)
    /// Addresses that are dialed.
    public static let dialTargetsMax = 256
}

/// Application protocols of the one port.
public enum ApplicationProtocol {
    /// Peer links: frames of gossip, between bolts only.
    public static let peer = "bolt-peer/1"
    /// Everything else; also where the client names no protocol.
    public static let http = "http/1.1"
}
