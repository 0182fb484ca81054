/// How the unseal key comes to a vault. Its number stands in the keyring.
public enum UnsealMethod: UInt8, Hashable, Sendable, CaseIterable {
    /// From a file that only the bolt's user may read.
    case keyfile = 1
}
