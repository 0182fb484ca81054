extension Problem.Code {
    /// The partition has no keyring yet.
    public static let vaultNotInitialised = Self(rawValue: "vault_not_initialised")
    /// The partition has a keyring already.
    public static let vaultInitialised = Self(rawValue: "vault_initialised")
    /// The key is whole, but opens another keyring.
    public static let vaultWrongKey = Self(rawValue: "vault_wrong_key")
    /// The keyring is not what was made; the key may well be right.
    public static let vaultKeyringDamaged = Self(rawValue: "vault_keyring_damaged")
    /// Another attempt to open or close the vault runs.
    public static let vaultBusy = Self(rawValue: "vault_busy")

    /// What the vault adds to the catalogue.
    static let sealCodes: [Self] = [
        .vaultNotInitialised, .vaultInitialised, .vaultWrongKey, .vaultKeyringDamaged, .vaultBusy,
    ]

    static let sealEntries: [Self: Problem.Entry] = [
        .vaultNotInitialised: .init(
            status: 409, title: "No keyring", next: "make one: boltctl seal init --key-file FILE"),
        .vaultInitialised: .init(
            status: 409, title: "There is a keyring", next: "see which: boltctl seal status"),
        .vaultWrongKey: .init(
            status: 409, title: "Wrong key", next: "give the key file of the keyring named: boltctl seal status"),
        .vaultKeyringDamaged: .init(
            status: 503, title: "Keyring damaged",
            next: "promote a standby, or restore the partition's database; the key file stays as it is"),
        .vaultBusy: .init(status: 409, title: "Vault busy", next: "try again in a moment"),
    ]
}
