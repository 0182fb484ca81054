internal import Spanner
internal import SpannerTransport

/// What reaches the node from outside, in order: posted from any thread, taken by the node alone.
enum NodeInput: Sendable {
    /// Something happened on a peer link.
    case link(PeerLinkEvent)
    /// A timer of the machine fired.
    case timer(TimerID)
    /// This bolt's part in its partition is to be told to everybody.
    case standing(PartitionStanding)
    /// The partition's part found the disk full, and gave the reserve up or did not.
    case diskFull(isReserveSpent: Bool)
    /// What people should know about the lease of this partition; nil: nothing any more.
    case leaseTrouble(String?)
    /// Look which live connections are of principals that are no longer admitted.
    case review
    /// The partition's service has news of slices.
    case news(SliceNews)
}
