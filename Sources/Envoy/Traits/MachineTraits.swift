public import BoltAPI
internal import Glibc

/// The facts of the machine that an envoy runs on, read afresh at each call.
///
/// Everything comes from the kernel (`uname`, `sysconf`, `/proc`, `/sys`) and `/etc/os-release`; what cannot be read is
/// left out rather than guessed, so a trait that is there is true. What changes by the minute (free memory, load) is
/// none of it: policy is written against what a machine is.
public enum MachineTraits {
    /// Longest file that is read for a trait, in bytes.
    static let fileBytesMax = 64 * 1024
    /// Disks, file systems or network interfaces that are told: the first by name.
    static let listedMax = 64

    /// All facts. `root` is put before the paths, so that a test or a container can show another machine.
    public static func gather(root: String = "") -> [String: JSONValue] {
        var traits: [String: JSONValue] = [:]
        var system = utsname()
        if uname(&system) == 0 {
            traits["hostname"] = .string(text(of: system.nodename))
            traits["kernel"] = .object([
                "name": .string(text(of: system.sysname)), "release": .string(text(of: system.release)),
            ])
            traits["architecture"] = .string(text(of: system.machine))
        }
        if let release = read(root + "/etc/os-release") { traits["os"] = operatingSystem(from: release) }
        traits["cpu"] = processor(root: root)
        if let memory = read(root + "/proc/meminfo").flatMap(memoryBytes(from:)) {
            traits["memory"] = .object(["total_bytes": .integer(memory)])
        }
        if let boot = read(root + "/proc/sys/kernel/random/boot_id") {
            traits["boot_id"] = .string(trimmed(boot))
        }
        if let product = read(root + "/sys/class/dmi/id/product_name") {
            traits["product"] = .string(trimmed(product))
        }
        traits["network"] = network(root: root)
        let (disks, filesystems) = (disks(root: root), filesystems(root: root))
        if !disks.isEmpty { traits["disks"] = .object(disks) }
        if !filesystems.isEmpty { traits["filesystems"] = .object(filesystems) }
        if let virtualisation = virtualisation(root: root) { traits["virtualisation"] = virtualisation }
        return traits
    }

    /// `ID`, `VERSION_ID` and `PRETTY_NAME` of an os-release file, and the family: what it is most like, or itself.
    static func operatingSystem(from release: String) -> JSONValue {
        let wanted = ["ID": "id", "VERSION_ID": "version", "PRETTY_NAME": "name", "ID_LIKE": "like"]
        var facts: [String: JSONValue] = [:]
        for line in release.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let name = wanted[String(parts[0])] else { continue }
            var value = parts[1]
            for quote in ["\"", "'"] as [Character]
            where value.count >= 2 && value.first == quote && value.last == quote {
                value = value.dropFirst().dropLast()
                break
            }
            facts[name] = .string(String(value))
        }
        let likes = facts.removeValue(forKey: "like")?.text?.split(separator: " ").first.map { String($0) }
        if let family = likes ?? facts["id"]?.text, !family.isEmpty { facts["family"] = .string(family) }
        return .object(facts)
    }

    /// `MemTotal` of /proc/meminfo, in bytes; nil where it is missing or no number.
    static func memoryBytes(from meminfo: String) -> Int64? {
        for line in meminfo.split(separator: "\n") where line.hasPrefix("MemTotal:") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard words.count >= 2, let kibibytes = Int64(words[1]), kibibytes > 0 else { return nil }
            let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }

    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: fileBytesMax)
        let count = fread(&buffer, 1, buffer.count, file)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    static func trimmed(_ text: String) -> String {
        String(text.split(separator: "\n", omittingEmptySubsequences: true).first ?? "")
    }

    private static func text<Field>(of field: Field) -> String {
        withUnsafeBytes(of: field) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
