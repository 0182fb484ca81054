import BoltAPI
import Foundation
import Testing

@testable import Envoy

/// Traits: what is there is true; what cannot be read is left out.
@Suite struct MachineTraitsTests {
    @Test func osRelease() {
        let text = """
            # a comment
            PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
            ID=debian
            VERSION_ID='12'

            NAME
            =nothing
            BUG_REPORT_URL="https://example.org/?a=b"
            """
        let expected: JSONValue = .object([
            "id": .string("debian"), "version": .string("12"), "name": .string("Debian GNU/Linux 12 (bookworm)"),
            "family": .string("debian"),
        ])
        #expect(MachineTraits.operatingSystem(from: text) == expected)
    }

    @Test(arguments: [
        ("ID=\"", "\""), ("ID=\"\"", ""), ("ID='a\"", "'a\""), ("ID=a=b", "a=b"), ("ID=\"a b\"", "a b"),
        ("ID=''", ""),
    ])
    func oddQuotes(line: String, value: String) {
        let family: [String: JSONValue] = value.isEmpty ? [:] : ["family": .string(value)]
        let expected = family.merging(["id": .string(value)]) { first, _ in first }
        #expect(MachineTraits.operatingSystem(from: line) == .object(expected))
    }

    @Test(arguments: [("ID=ubuntu\nID_LIKE=debian", "debian"), ("ID=rocky\nID_LIKE=\"rhel centos fedora\"", "rhel")])
    func family(text: String, family: String) {
        guard case .object(let facts) = MachineTraits.operatingSystem(from: text) else { return }
        #expect(facts["family"] == .string(family) && facts["like"] == nil)
    }

    @Test func osReleaseWithoutFacts() {
        for text in ["", "\n\n", "=", "ID", "\0\0", "ID="] {
            #expect(MachineTraits.operatingSystem(from: text) == .object([:]), "\(text.debugDescription)")
        }
    }

    @Test(arguments: [
        ("MemTotal:       16309796 kB\nMemFree: 1 kB", 16_309_796 * 1024), ("MemFree: 3 kB\nMemTotal: 2", 2048),
    ])
    func memory(text: String, bytes: Int64) {
        #expect(MachineTraits.memoryBytes(from: text) == bytes)
    }

    @Test(arguments: [
        "", "MemTotal:", "MemTotal: kB", "MemTotal: many kB", "MemTotal: -5 kB", "MemTotal: 9223372036854775807 kB",
        "MemTotal: 99999999999999999999 kB", "xMemTotal: 5 kB", "MemTotal: 0 kB", "MemTotal: 1.5 kB",
    ])
    func memoryThatIsNoNumber(text: String) {
        #expect(MachineTraits.memoryBytes(from: text) == nil)
    }

    @Test func aMachineInADirectory() throws {
        let scratch = try Scratch()
        func put(_ bytes: [UInt8], _ path: String) throws {
            let file = scratch.file(path)
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(fileURLWithPath: file))
        }
        try put(Array("ID=alpine\n".utf8), "etc/os-release")
        try put(Array("MemTotal: 100 kB\n".utf8), "proc/meminfo")
        try put(Array("0b2c\n".utf8), "proc/sys/kernel/random/boot_id")
        try put([0xFF, 0xFE, 0x41], "sys/class/dmi/id/product_name")
        for interface in ["lo", "eth0"] { try put([], "sys/class/net/\(interface)/address") }
        let traits = MachineTraits.gather(root: scratch.path)
        #expect(traits["os"] == .object(["id": .string("alpine"), "family": .string("alpine")]))
        #expect(traits["memory"] == .object(["total_bytes": .integer(102_400)]))
        #expect(traits["boot_id"] == .string("0b2c"))
        #expect(traits["product"]?.text?.hasSuffix("A") == true)
        #expect(traits["network"] == .object(["interfaces": .array([.string("eth0"), .string("lo")])]))
    }

    @Test("disks, file systems, hardware addresses and processors are told as the kernel shows them")
    func hardware() throws {
        let scratch = try Scratch()
        func put(_ text: String, _ path: String) throws {
            let file = scratch.file(path)
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: false, encoding: .utf8)
        }
        try put("2048\n", "sys/block/vda/size")
        try put("1\n", "sys/block/vda/queue/rotational")
        try put("0\n", "sys/block/sr0/size")
        try put("9223372036854775807\n", "sys/block/huge/size")
        try put("8\n", "sys/block/loop0/size")
        try put(
            "proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw,noatime 0 0\n/dev/vdb /with\\040blank xfs ro 0 0\n/dev/x\n",
            "proc/self/mounts")
        try put("52:54:00:12:34:56\n", "sys/class/net/eth0/address")
        try put("00:00:00:00:00:00\n", "sys/class/net/lo/address")
        try put("processor : 0\nmodel name\t: Fast 9000\nflags\t\t: fpu hypervisor\n", "proc/cpuinfo")
        let traits = MachineTraits.gather(root: scratch.path)
        #expect(
            traits["disks"] == .object(["vda": .object(["bytes": .integer(1_048_576), "rotational": .bool(true)])]))
        func mount(_ device: String, _ type: String, _ isReadOnly: Bool) -> JSONValue {
            .object(["device": .string(device), "type": .string(type), "read_only": .bool(isReadOnly)])
        }
        #expect(
            traits["filesystems"]
                == .object(["/": mount("/dev/vda1", "ext4", false), "/with blank": mount("/dev/vdb", "xfs", true)]))
        guard case .object(let network)? = traits["network"], case .object(let processor)? = traits["cpu"] else {
            Issue.record("no network or processor: \(traits)")
            return
        }
        #expect(network["hardware"] == .object(["eth0": .string("52:54:00:12:34:56")]))
        #expect(processor["model"] == .string("Fast 9000"))
        #expect(traits["virtualisation"] == .object(["kind": .string("machine"), "name": .string("unknown")]))
        try put("QEMU\n", "sys/class/dmi/id/sys_vendor")
        #expect(
            MachineTraits.gather(root: scratch.path)["virtualisation"]
                == .object(["kind": .string("machine"), "name": .string("kvm")]))
        try put("lxc\n", "run/systemd/container")
        #expect(
            MachineTraits.gather(root: scratch.path)["virtualisation"]
                == .object(["kind": .string("container"), "name": .string("lxc")]))
    }

    @Test func aMachineThatShowsNothing() throws {
        let scratch = try Scratch()
        let traits = MachineTraits.gather(root: scratch.path)
        for missing in ["os", "memory", "boot_id", "product"] { #expect(traits[missing] == nil) }
        #expect(traits["hostname"]?.text?.isEmpty == false)
        #expect(traits["network"] == .object(["interfaces": .array([])]))
    }

    @Test func aHugeFileIsReadInPart() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.file("etc"), withIntermediateDirectories: true)
        let text = "ID=big\n" + String(repeating: "X=y\n", count: 100_000)
        try text.write(toFile: scratch.file("etc/os-release"), atomically: false, encoding: .utf8)
        let expected: JSONValue = .object(["id": .string("big"), "family": .string("big")])
        #expect(MachineTraits.gather(root: scratch.path)["os"] == expected)
    }
}
