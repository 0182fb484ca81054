import Glibc
import Spanner

/// The host of an advertised address, as a certificate names it.
enum BoltAddress: Equatable {
    /// A lower-case DNS name.
    case host(String)
    /// 4 or 16 bytes.
    case ip([UInt8])

    /// The host of `host`, `host:port`, `1.2.3.4:port`, `[::1]:port` or a bare IPv6 address; nil for anything else.
    init?(_ text: String) {
        // Printable only: C would end the text at a NUL.
        guard text.utf8.count <= IdentityLimits.hostBytesMax + 8, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        guard let host = Self.hostPart(text) else { return nil }
        if let bytes = Self.parse(host, AF_INET, 4) ?? Self.parse(host, AF_INET6, 16) {
            self = .ip(bytes)
            return
        }
        // A name of digits only in its last label would be a malformed IPv4 address, not a host.
        let name = host.lowercased()
        guard MeshNames.isHost(name), name.split(separator: ".").last?.allSatisfy(\.isNumber) == false else {
            return nil
        }
        self = .host(name)
    }

    private static func hostPart(_ text: String) -> String? {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: close)...]
            guard rest.isEmpty || (rest.first == ":" && isPort(rest.dropFirst())) else { return nil }
            return String(text[text.index(after: text.startIndex)..<close])
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return text
        case 2: return isPort(parts[1]) ? String(parts[0]) : nil
        default: return text
        }
    }

    private static func isPort(_ text: some StringProtocol) -> Bool {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt32(text) else { return false }
        return (1...65_535).contains(port)
    }

    private static func parse(_ text: String, _ family: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
