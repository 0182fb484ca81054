/// Bounds of what a vault keeps and takes.
public enum VaultLimits {
    /// Bytes of one secret.
    public static let secretBytesMax = 64 * 1024
    /// Bytes of a secret's name.
    public static let secretNameBytesMax = 128
    /// Bytes of the name of a row that is sealed.
    public static let recordBytesMax = 1024
    /// Data keys in one keyring. Seal the rows anew and retire old keys before it is reached.
    public static let dataKeysMax = 1024
    /// Bytes of a keyring's encoding.
    public static let keyringBytesMax = 128 * 1024
    /// Bytes of an unseal key's file.
    public static let keyFileBytesMax = 1024
}
