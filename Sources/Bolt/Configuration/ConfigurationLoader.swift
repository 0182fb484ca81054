internal import Foundation
internal import Yams

/// One rule that a configuration breaks.
public struct ConfigurationViolation: Hashable, Sendable, CustomStringConvertible {
    /// Which setting.
    public let key: String
    /// What it is set to; nil where it is not set.
    public let value: String?
    /// Where that was said.
    public let origin: ConfigurationOrigin
    /// What it must be.
    public let rule: String
    /// Whether there is no such setting; the rule then names the nearest one.
    public let isUnknown: Bool

    init(key: String, value: String?, origin: ConfigurationOrigin, rule: String, isUnknown: Bool = false) {
        (self.key, self.value, self.origin, self.rule, self.isUnknown) = (key, value, origin, rule, isUnknown)
    }

    /// One line.
    public var description: String {
        if isUnknown { return "\(key) (\(origin)): \(rule)" }
        guard let value else { return "\(key) is not set: \(rule)" }
        return "\(key) = \"\(value)\" (\(origin)): \(rule)"
    }
}

/// Where a setting's value comes from; later ones win.
public enum ConfigurationOrigin: Hashable, Sendable, CustomStringConvertible {
    /// Nobody said anything.
    case fallback
    /// The file, at this line.
    case file(line: Int)
    /// This variable.
    case environment(String)
    /// A flag of the command line.
    case flag

    /// In words.
    public var description: String {
        switch self {
        case .fallback: "default"
        case .file(let line): "file, line \(line)"
        case .environment(let name): "environment, \(name)"
        case .flag: "flag"
        }
    }
}

/// All that is wrong with a configuration, at once. Nothing was started or changed.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// Each broken rule.
    public let violations: [ConfigurationViolation]
    /// What cannot be read at all.
    public let unreadable: String?

    /// Several lines.
    public var description: String {
        if let unreadable { return unreadable }
        return
            (["the configuration breaks \(violations.count) rule\(violations.count == 1 ? "" : "s"):"]
            + violations.map { "  \($0)" }).joined(separator: "\n")
    }
}

/// Values of settings with their origins: file, then environment, then flags.
struct ConfigurationValues: Sendable {
    private(set) var values: [String: (text: String, origin: ConfigurationOrigin)] = [:]
    private(set) var violations: [ConfigurationViolation] = []

    init(file: String?, environment: [String: String], flags: [(key: String, value: String)]) throws(ConfigurationError)
    {
        for setting in Setting.all { if let text = setting.fallback { values[setting.key] = (text, .fallback) } }
        if let file { try read(file) }
        for setting in Setting.all {
            guard let text = environment[setting.variable] else { continue }
            values[setting.key] = (text, .environment(setting.variable))
        }
        for variable in environment.keys.sorted()
        where variable.hasPrefix("BOLT_") && !Setting.all.contains(where: { $0.variable == variable }) {
            unknown(
                key: variable.dropFirst(5).lowercased().replacing("_", with: ".", maxReplacements: 1),
                shown: variable, origin: .environment(variable))
        }
        for flag in flags {
            if Setting.named(flag.key) == nil {
                unknown(key: flag.key, shown: flag.key, origin: .flag)
            } else {
                values[flag.key] = (flag.value, .flag)
            }
        }
        check()
    }

    func text(_ key: String) -> String? { values[key]?.text }

    /// Whether somebody set it.
    func isSaid(_ key: String) -> Bool { values[key].map { $0.origin != .fallback } ?? false }

    private mutating func unknown(key: String, shown: String, origin: ConfigurationOrigin) {
        violations.append(
            ConfigurationViolation(
                key: shown, value: nil, origin: origin,
                rule: "there is no such setting; the nearest is \(Setting.nearest(to: key))", isUnknown: true))
    }

    private mutating func read(_ text: String) throws(ConfigurationError) {
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch {
            throw ConfigurationError(violations: [], unreadable: "the configuration is no YAML: \(error)")
        }
        guard let root else { return }
        guard case .mapping(let sections) = root else {
            throw ConfigurationError(violations: [], unreadable: "the configuration must be a mapping of sections")
        }
        for (name, section) in sections {
            let name = (text: name.string ?? "?", line: name.mark?.line ?? 0)
            guard case .mapping(let entries) = section else {
                notASection(name.text, line: name.line)
                continue
            }
            for (key, value) in entries {
                take("\(name.text).\(key.string ?? "?")", value, line: key.mark?.line ?? name.line)
            }
        }
    }

    /// A key of the file that stands where a section should, or is one without settings in it.
    private mutating func notASection(_ name: String, line: Int) {
        guard Setting.all.contains(where: { $0.key.hasPrefix(name + ".") }) else {
            return unknown(key: name, shown: name, origin: .file(line: line))
        }
        violations.append(
            ConfigurationViolation(
                key: name, value: "…", origin: .file(line: line), rule: "must be a mapping of settings"))
    }

    private mutating func take(_ key: String, _ value: Node, line: Int) {
        guard let setting = Setting.named(key) else {
            return unknown(key: key, shown: key, origin: .file(line: line))
        }
        switch (value, setting.kind) {
        case (.scalar(let scalar), _): values[key] = (scalar.string, .file(line: line))
        case (.sequence(let parts), .list):
            values[key] = (parts.map { $0.string ?? "?" }.joined(separator: ","), .file(line: line))
        case (.sequence, _), (.mapping, _), (.alias, _):
            violations.append(
                ConfigurationViolation(key: key, value: "…", origin: .file(line: line), rule: "must be \(setting.rule)")
            )
        }
    }

    private mutating func check() {
        for setting in Setting.all {
            guard let (text, origin) = values[setting.key] else {
                if !setting.isOptional {
                    violations.append(
                        ConfigurationViolation(
                            key: setting.key, value: nil, origin: .fallback, rule: "must be \(setting.rule)"))
                }
                continue
            }
            guard !setting.accepts(text) else { continue }
            violations.append(
                ConfigurationViolation(
                    key: setting.key, value: setting.isSecret ? "…" : text, origin: origin,
                    rule: "must be \(setting.rule)")
            )
        }
    }
}
