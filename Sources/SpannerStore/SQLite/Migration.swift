/// One step of a schema. Steps are never edited once released, only added: older files take the rest.
struct Migration {
    /// What it brings, for messages.
    let name: String
    /// Its statements.
    let sql: String
}

extension Database {
    /// Brings the file to the present schema, each step in a transaction with its number, so that a crash between two
    /// leaves a valid older one. Throws `store_foreign` for another program's file, `store_newer_schema` for a newer.
    func migrate(to kind: Kind) throws(StoreError) {
        let application = try setting("application_id")
        let version = try setting("user_version")
        let tables = try first("SELECT count(*) FROM sqlite_schema") { row throws(StoreError) in row.integer(0) } ?? 0
        let isNew = application == 0 && version == 0 && tables == 0
        guard isNew || application == Int64(kind.applicationID) else {
            throw StoreError(
                .foreign, what: "opening \(path)",
                why: "its application id is \(application), that of \(kind.name) is \(kind.applicationID)",
                next: "point the configuration at the right directory")
        }
        guard version >= 0, version <= kind.migrations.count else {
            throw StoreError(
                .newerSchema, what: "opening \(path)",
                why: "its schema is number \(version), this program knows up to \(kind.migrations.count)",
                next: "run the version of the program that wrote it, or a newer one",
                detail: .expected(UInt64(kind.migrations.count)))
        }
        for (index, step) in kind.migrations.enumerated().dropFirst(Int(version)) {
            try transaction { () throws(StoreError) in
                if index == 0 { try execute("PRAGMA application_id = \(kind.applicationID)") }
                try execute(step.sql)
                try execute("PRAGMA user_version = \(index + 1)")
            }
        }
    }

    /// A whole-number setting of the file or the connection.
    func setting(_ name: String) throws(StoreError) -> Int64 {
        try first("PRAGMA \(name)") { row throws(StoreError) in row.integer(0) } ?? 0
    }
}
