import BoltAPI
import Foundation
import Identity

/// The settings of `mesh up --set` that a mesh keeps: they stand in `settings.json` beside its bolts, so that starting
/// it again without them changes no bolt's configuration.
struct KeptSettings: Equatable {
    /// In the order of their keys; each key once.
    private(set) var settings: [LocalSetting]

    init(_ settings: [LocalSetting] = []) {
        self.settings = []
        for setting in settings { set(setting) }
    }

    /// What the mesh below a directory keeps; nothing where it keeps none. A file that is none of these is a failure:
    /// going on would take settings away from the bolts.
    init(directory: String) throws {
        let path = Self.path(directory)
        guard SecureFile.exists(path) else {
            self.init()
            return
        }
        let found: [String: String]
        do {
            let bytes = try SecureFile.read(path, access: .everybody)
            found = try APIJSON.decode([String: String].self, from: Data(bytes))
        } catch {
            throw Self.unreadable(path, (error as? IdentityError)?.why ?? APIJSON.explain(error))
        }
        self.init(
            try found.map { key, value in
                guard let setting = LocalSetting("\(key)=\(value)"), setting.key == key else {
                    throw Self.unreadable(path, "“\(key)” is not section.key")
                }
                return setting
            })
    }

    static func path(_ directory: String) -> String { "\(directory)/settings.json" }

    /// Writes the file; where nothing is kept and nothing was, there is none.
    func write(below directory: String) throws {
        let path = Self.path(directory)
        guard !settings.isEmpty || SecureFile.exists(path) else { return }
        let pairs = Dictionary(settings.map { ($0.key, $0.value) }) { $1 }
        try SecureFile.write(Array(try APIJSON.encode(pairs, pretty: true)) + [0x0A], to: path, access: .everybody)
    }

    /// Takes over what is asked for now: a setting without a value is kept no longer. Gives what became of each key,
    /// those that were only kept too.
    mutating func take(_ asked: [LocalSetting]) -> [Line] {
        let before = settings
        for setting in asked { set(setting) }
        let removed = before.filter { old in !settings.contains { $0.key == old.key } }
            .map { Line(setting: $0.key, value: nil, origin: .removed) }
        return removed
            + settings.map { setting in
                let isAsked = asked.contains { $0.key == setting.key }
                return Line(setting: setting.key, value: setting.value, origin: isAsked ? .set : .kept)
            }
    }

    private mutating func set(_ setting: LocalSetting) {
        settings.removeAll { $0.key == setting.key }
        if !setting.value.isEmpty { settings.append(setting) }
        settings.sort { $0.key < $1.key }
    }

    private static func unreadable(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(
            "bad_settings", "the settings that this mesh keeps, \(path), cannot be read", reason: reason,
            next: "mend it, or remove it and say each setting again with --set", status: .usage)
    }

    /// What became of one setting.
    struct Line: Encodable, Equatable {
        enum Origin: String, Encodable {
            case set, kept, removed
        }

        /// `section.key`.
        let setting: String
        /// Missing where it was removed.
        let value: String?
        let origin: Origin

        /// `lease.engine=etcd (kept from before; --set lease.engine= removes it)`.
        var text: String {
            switch origin {
            case .set: "\(setting)=\(value ?? "")"
            case .kept: "\(setting)=\(value ?? "") (kept from before; --set \(setting)= removes it)"
            case .removed: "\(setting) is kept no longer"
            }
        }
    }
}

/// What a bolt's configuration says that its process was not started with.
enum ConfigurationChange {
    /// The keys, `section.key`, at which two configurations differ, in order. A text that cannot be read says nothing.
    static func keys(from old: String, to new: String) -> [String] {
        let (old, new) = (values(of: old), values(of: new))
        return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
    }

    /// The keys of a configuration that another one says nothing of.
    static func dropped(from old: String, to new: String) -> [String] {
        let new = values(of: new)
        return values(of: old).keys.filter { new[$0] == nil }.sorted()
    }

    private static func values(of text: String) -> [String: JSONValue] {
        guard case .object(let sections)? = try? YAMLText.value(of: text) else { return [:] }
        var values: [String: JSONValue] = [:]
        for (section, value) in sections {
            guard case .object(let keys) = value else {
                values[section] = value
                continue
            }
            for (key, value) in keys { values["\(section).\(key)"] = value }
        }
        return values
    }
}
