public import Spanner

/// What the roster says of a machine: it decides which layers the machine can get.
public struct StandingFacts: Hashable, Sendable {
    /// Its id.
    public var id: PrincipalID
    /// Its name.
    public var name: PrincipalName
    /// Its group; nil where it has none.
    public var group: GroupName?
    /// Its labels.
    public var labels: [String: String]

    /// Facts of a machine.
    public init(id: PrincipalID, name: PrincipalName, group: GroupName?, labels: [String: String]) {
        (self.id, self.name, self.group, self.labels) = (id, name, group, labels)
    }
}

extension StandingFacts: Codable {
    enum CodingKeys: String, CodingKey {
        case id, name, group, labels
    }

    /// Reads what `encode(to:)` wrote. Fails with `DecodingError.dataCorrupted` where a name is none.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard let id = PrincipalID(hex: try container.decode(String.self, forKey: .id)) else {
            throw DecodingError.dataCorruptedError(
                forKey: .id, in: container, debugDescription: "not 32 hexadecimal digits")
        }
        guard let name = PrincipalName(try container.decode(String.self, forKey: .name)) else {
            throw DecodingError.dataCorruptedError(forKey: .name, in: container, debugDescription: "not a host name")
        }
        let group = try container.decodeIfPresent(String.self, forKey: .group)
        if let group, GroupName(group) == nil {
            throw DecodingError.dataCorruptedError(
                forKey: .group, in: container, debugDescription: "not a group's name")
        }
        self.init(
            id: id, name: name, group: group.flatMap { GroupName($0) },
            labels: try container.decode([String: String].self, forKey: .labels))
    }

    /// Writes names as texts and the id as 32 hexadecimal digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id.description, forKey: .id)
        try container.encode(name.text, forKey: .name)
        try container.encodeIfPresent(group?.text, forKey: .group)
        try container.encode(labels, forKey: .labels)
    }
}
