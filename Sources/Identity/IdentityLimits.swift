/// Bounds of everything the identity layer reads, writes or remembers.
public enum IdentityLimits {
    /// One certificate in DER. Ours are about 700 bytes.
    public static let certificateBytesMax = 4_096
    /// Certificates in a presented or verified chain: leaf, issuing CA, root, and one root of a rotation.
    public static let chainCountMax = 4
    /// One certificate signing request in DER. Ours are about 220 bytes.
    public static let requestBytesMax = 2_048
    /// One file of an identity directory.
    public static let fileBytesMax = 64 * 1_024
    /// Certificates read from one PEM file.
    public static let pemBlocksMax = 8
    /// Subject alternative names of one certificate.
    public static let alternativeNamesMax = 20
    /// Addresses that a bolt's certificate names.
    public static let addressesMax = 16
    /// One SPIFFE id, in bytes (the standard allows 2,048).
    public static let spiffeBytesMax = 512
    /// A trust domain, which is the mesh's name, in bytes.
    public static let trustDomainBytesMax = 63
    /// An operator's name, in bytes.
    public static let operatorNameBytesMax = 63
    /// A host name in an address, in bytes (RFC 1035).
    public static let hostBytesMax = 253
    /// A join token's text, in bytes.
    public static let tokenTextBytesMax = 2_048
    /// Addresses in a join token.
    public static let tokenAddressesMax = 8
    /// A passphrase, in bytes.
    public static let passphraseBytesMax = 1_024
    /// Shortest passphrase taken for a new key, in bytes.
    public static let passphraseBytesMin = 8
    /// PBKDF2-HMAC-SHA256 rounds for a private key at rest.
    public static let passphraseRounds: Int32 = 600_000
    /// Certificates are valid from this long before they are issued, for clocks that run behind.
    public static let backdating = Duration.seconds(300)
    /// Longest validity of a certificate: 20 years.
    public static let validityMax = Duration.seconds(20 * 365 * 86_400)
    /// Verified chains remembered, so that a reconnect costs a hash.
    public static let verifiedCacheCount = 8_192
    /// Parsed CA certificates remembered by one verifier.
    public static let issuerCacheCount = 256
}
