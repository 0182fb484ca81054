public import CRDT

/// How one bolt gossips: what it is, and its paces and bounds. Defaults suit a local network.
public struct GossipSettings: Sendable {
    /// Time between context exchanges.
    public var roundInterval: Duration = GossipLimits.roundInterval
    /// Silence after which a peer counts as frozen; at least two rounds.
    public var freezeTimeout: Duration = GossipLimits.freezeTimeout
    /// How long a command at `spread` waits for peers before it is answered with what was reached.
    public var spreadTimeout: Duration = .seconds(3)
    /// How long writing waits, after a start, for the first exchange of contexts where bolts are known.
    public var authoringWait: Duration = .seconds(3)
    /// Up to this many linked peers, own events and contexts go to all; above, to ceil(log2 n) + 1 of them.
    public var fullFanoutPeersMax = 16
    /// Commands that may wait for the disk.
    public var commandsMax = 1024
    /// Links that may stand, strangers and duplicates included.
    public var linksMax = GossipLimits.peersMax * 2
    /// Links with bolts that are not (yet) in the roster.
    public var strangersMax = 16
    /// Messages that one peer may send in a round before its link is closed.
    public var messagesPerRoundMax = 4096
    /// Bytes of history that one peer may have in a round, beyond what it has had.
    public var serveBytesPerRound = 4 * 1024 * 1024
    /// Bytes of history that one peer may have in a round for a second time: a sick peer asks again and again.
    public var repeatBytesPerRound = 1024
    /// Bytes of history that one peer may have for a second time to begin with. What it has for the first time is
    /// added: nobody costs much more than twice what it needs.
    public var repeatBytesInitial = 64 * 1024
    /// Bytes of history that one peer may have for a second time at once, saved up.
    public var repeatBytesMax = 1024 * 1024

    /// The defaults.
    public init() {}

    /// Which relations between settings do not hold: text for people, empty where all do.
    public var violations: [String] {
        var found: [String] = []
        if roundInterval < .milliseconds(10) { found.append("the round interval must be at least 10 ms") }
        if freezeTimeout < roundInterval * 2 { found.append("the freeze timeout must be at least two rounds") }
        if spreadTimeout <= .zero { found.append("the spread timeout must be positive") }
        if authoringWait < .zero { found.append("the authoring wait must not be negative") }
        if commandsMax < 1 { found.append("at least one command must be able to wait") }
        if linksMax < 2 { found.append("at least two links must be able to stand") }
        if fullFanoutPeersMax < 1 { found.append("the full fan-out must be at least one peer") }
        if repeatBytesMax < GossipLimits.eventsBytesMax {
            found.append("the repeat allowance must hold one whole events message")
        }
        if serveBytesPerRound < GossipLimits.eventsBytesMax {
            found.append("the serve allowance must hold one whole events message")
        }
        return found
    }
}

/// Who this bolt is, for its machine.
public struct GossipSelf: Sendable {
    /// The mesh.
    public var mesh: MeshID
    /// This bolt's principal.
    public var bolt: PrincipalID
    /// Fingerprint of its TLS key.
    public var tlsKey: KeyFingerprint
    /// The replica that it writes: hash of its signing key, and this database's incarnation.
    public var replica: ReplicaID
    /// Its certificate chain, leaf first, DER: the first event of each of its replicas.
    public var chain: [[UInt8]]

    /// This bolt.
    public init(mesh: MeshID, bolt: PrincipalID, tlsKey: KeyFingerprint, replica: ReplicaID, chain: [[UInt8]]) {
        (self.mesh, self.bolt, self.tlsKey) = (mesh, bolt, tlsKey)
        (self.replica, self.chain) = (replica, chain)
    }
}
