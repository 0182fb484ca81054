internal import BoltAPI
internal import Glibc

extension MachineTraits {
    /// Interfaces by name, with their hardware addresses and, of the machine itself, those of the internet protocol.
    static func network(root: String) -> JSONValue {
        let names = Array(entries(of: root + "/sys/class/net").prefix(listedMax))
        var facts: [String: JSONValue] = ["interfaces": .array(names.map { .string($0) })]
        var hardware: [String: JSONValue] = [:]
        for name in names {
            let address = read("\(root)/sys/class/net/\(name)/address").map(trimmed) ?? ""
            // That of the loopback tells nothing.
            if address.contains(where: { $0 != "0" && $0 != ":" }) { hardware[name] = .string(address) }
        }
        if !hardware.isEmpty { facts["hardware"] = .object(hardware) }
        if root.isEmpty {
            let addresses = addresses()
            if !addresses.isEmpty {
                facts["addresses"] = .object(addresses.mapValues { .array($0.map { .string($0) }) })
            }
        }
        return .object(facts)
    }

    /// Addresses of each interface that is up, sorted; those of one link alone are left out.
    private static func addresses() -> [String: [String]] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [:] }
        defer { freeifaddrs(first) }
        var found: [String: [String]] = [:]
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, let text = text(of: address), !text.hasPrefix("fe80:") else { continue }
            let name = String(cString: entry.ifa_name)
            guard found.count < listedMax || found[name] != nil, found[name, default: []].count < listedMax
            else { continue }
            found[name, default: []].append(text)
        }
        return found.mapValues { $0.sorted() }
    }

    private static func text(of address: UnsafeMutablePointer<sockaddr>) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let length: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        case _: return nil
        }
        guard
            getnameinfo(address, socklen_t(length), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
