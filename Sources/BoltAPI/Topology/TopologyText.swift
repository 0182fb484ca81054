import Spanner

extension Topology {
    /// The topology as a document, in the order in which people write one. Read again it is the same topology.
    public var document: String {
        var lines = ["version: \(version)", "", "mesh:", "  name: \(Self.scalar(mesh))", ""]
        lines.append(groups.isEmpty ? "groups: []" : "groups:")
        for group in groups { lines += Self.lines(group) }
        lines += ["", partitions.isEmpty ? "partitions: []" : "partitions:"]
        for partition in partitions { lines += Self.lines(partition) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ group: Group) -> [String] {
        var lines = ["  - name: \(scalar(group.name.text))", "    slices: \(group.slices)"]
        if group.minZones != 1 { lines.append("    min_zones: \(group.minZones)") }
        if !group.match.isEmpty { lines.append("    match:") }
        for rule in group.match {
            let labels = rule.labels.sorted { $0.key < $1.key }
                .map { "\(scalar($0.key)): \(scalar($0.value))" }.joined(separator: ", ")
            let parts = [
                rule.hostname.map { "hostname: \(scalar($0))" },
                rule.labels.isEmpty ? nil : "labels: {\(labels)}",
            ]
            lines.append("      - {\(parts.compactMap { $0 }.joined(separator: ", "))}")
        }
        return lines
    }

    private static func lines(_ partition: Partition) -> [String] {
        let groups = partition.groups.map { scalar($0.text) }.joined(separator: ", ")
        var lines = [
            "  - name: \(scalar(partition.name.text))", "    weight: \(partition.weight)", "    groups: [\(groups)]",
            "    lease: \(partition.lease.rawValue)", "    bolts:",
        ]
        for bolt in partition.bolts {
            let zone = bolt.zone.map { ", zone: \(scalar($0))" } ?? ""
            lines.append(
                "      - {name: \(scalar(bolt.name.text)), address: \(scalar(bolt.address)), "
                    + "ops: \(scalar(bolt.ops))\(zone)}")
        }
        return lines
    }

    /// Words of YAML 1.1 and 1.2 that stand for something else than themselves.
    private static let words: Set<String> = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]

    /// A text that reads as itself: plain where nobody could take it for anything else.
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.first.map { $0.isASCII && $0.isLetter && $0.isLowercase } ?? false && !words.contains(text)
            && text.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard !isPlain else { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                quoted += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
