package import CRDT

/// What checkers look at, and nobody else.
extension GossipMachine {
    /// Whether a link to the bolt with this key is in use.
    package func isSpeaking(with key: KeyFingerprint) -> Bool { peers[key]?.link != nil }

    /// Whether runs that come on this link are looked at.
    package func isListening(on link: LinkID) -> Bool {
        guard let state = links[link] else { return false }
        return state.isReady && peers[state.identity.tlsKey]?.link == link
    }

    /// Whether a whole message of runs can be taken.
    package var canTakeMore: Bool { staged.count + GossipLimits.runsMax < GossipLimits.pendingRunsMax }

    /// Where a replica's history will stand once everything that waits is durable.
    package func plannedCounter(of replica: ReplicaID) -> UInt64 { plannedCounter(replica) }
}
