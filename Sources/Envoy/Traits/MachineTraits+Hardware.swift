internal import BoltAPI
internal import Glibc

extension MachineTraits {
    /// How many processors run, and what the first calls itself.
    static func processor(root: String) -> JSONValue? {
        var facts: [String: JSONValue] = [:]
        let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        if count > 0 { facts["count"] = .integer(Int64(count)) }
        if let model = processorModel(from: read(root + "/proc/cpuinfo") ?? "") { facts["model"] = .string(model) }
        return facts.isEmpty ? nil : .object(facts)
    }

    /// The first `model name` of /proc/cpuinfo; nil where it has none.
    static func processorModel(from cpuinfo: String) -> String? { field("model name", of: cpuinfo) }

    private static func field(_ name: String, of text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " || $0 == "\t" }
            if !value.isEmpty { return String(value) }
        }
        return nil
    }

    /// Disks by name, with their bytes and whether they turn. What the kernel makes of files and of memory is none.
    static func disks(root: String) -> [String: JSONValue] {
        var disks: [String: JSONValue] = [:]
        for name in entries(of: root + "/sys/block") where !["loop", "ram", "zram"].contains(where: name.hasPrefix) {
            guard disks.count < listedMax,
                let sectors = read("\(root)/sys/block/\(name)/size").flatMap({ Int64(trimmed($0)) }), sectors > 0,
                case let (bytes, overflow) = sectors.multipliedReportingOverflow(by: 512), !overflow
            else { continue }
            var facts: [String: JSONValue] = ["bytes": .integer(bytes)]
            if let turns = read("\(root)/sys/block/\(name)/queue/rotational") {
                facts["rotational"] = .bool(trimmed(turns) == "1")
            }
            disks[name] = .object(facts)
        }
        return disks
    }

    /// File systems on devices, by where they are mounted: device, type and whether they are read-only. One that is
    /// mounted over another hides it.
    static func filesystems(root: String) -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for line in (read(root + "/proc/self/mounts") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 4, words[0].hasPrefix("/dev/"), !words[0].hasPrefix("/dev/loop") else { continue }
            let place = unescaped(words[1])
            guard found.count < listedMax || found[place] != nil else { continue }
            found[place] = .object([
                "device": .string(unescaped(words[0])), "type": .string(String(words[2])),
                "read_only": .bool(words[3].split(separator: ",").contains("ro")),
            ])
        }
        return found
    }

    /// A path as it stands in a list of mounts, where a blank is `\040`.
    static func unescaped(_ text: Substring) -> String {
        var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
                case let value = digits.reduce(0, { $0 << 3 | Int($1 - UInt8(ascii: "0")) }), value <= 255
            {
                bytes.append(UInt8(value))
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names in a directory, sorted; none where it is not there.
    static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory), names.count < 4 * listedMax {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
