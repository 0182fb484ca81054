public import CRDT

/// Why an envoy does not take what it was given. What it remembers, and what it enforces, stay as they were.
public enum PolicyRefusal: Error, Equatable, Sendable {
    /// No key of the partition signed it, or the leaf is not one of the head's.
    case forged
    /// It is for another envoy.
    case otherEnvoy
    /// It is of a partition that does not own the envoy's slice.
    case otherPartition
    /// It is of an epoch that a later one took over from.
    case superseded
    /// It is older than what was taken last, was taken before, or is another thing under the same number.
    case replayed
    /// It is not what its kind looks like.
    case malformed(DecodingFailure)
    /// It was to be begun earlier.
    case expired
}
