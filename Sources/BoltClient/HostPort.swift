/// `host:port` taken apart: a name, an IPv4 address or a bracketed IPv6 address.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Name or address, without brackets.
    public let host: String
    /// 1...65535.
    public let port: Int

    /// Port of a bolt where none is named.
    public static let portDefault = 7440

    /// From `host`, `host:port` or `[address]:port`; nil for anything else.
    public init?(_ text: String) {
        var rest = text[...]
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            rest = rest[end...]
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { return nil }
        if rest.isEmpty {
            port = Self.portDefault
        } else {
            guard rest.first == ":", let number = Int(rest.dropFirst()), (1...65535).contains(number) else {
                return nil
            }
            port = number
        }
    }

    /// `host:port`, brackets where needed.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
