internal import BoltAPI
internal import Glibc

extension MachineTraits {
    /// What firmware calls itself, and what that means.
    private static let makers: [(text: String, name: String)] = [
        ("QEMU", "kvm"), ("KVM", "kvm"), ("VMware", "vmware"), ("VirtualBox", "virtualbox"), ("innotek", "virtualbox"),
        ("Xen", "xen"), ("Amazon EC2", "amazon"), ("Google Compute Engine", "google"), ("Bochs", "bochs"),
        ("Parallels", "parallels"), ("OpenStack", "kvm"), ("Hetzner", "kvm"),
    ]

    /// `{"kind": "container" | "machine", "name": …}`: whether this is a container or a virtual machine. Nil where it
    /// is neither, or nothing tells.
    static func virtualisation(root: String) -> JSONValue? {
        if let container = container(root: root) { return kind("container", container) }
        if let type = read(root + "/sys/hypervisor/type").map(trimmed), !type.isEmpty { return kind("machine", type) }
        let firmware = ["sys_vendor", "product_name", "bios_vendor"]
            .compactMap { read("\(root)/sys/class/dmi/id/\($0)").map(trimmed) }
        if let maker = makers.first(where: { maker in firmware.contains { $0.contains(maker.text) } }) {
            return kind("machine", maker.name)
        }
        if firmware.contains(where: { $0.contains("Microsoft") }), firmware.contains("Virtual Machine") {
            return kind("machine", "hyperv")
        }
        // The processor itself says that somebody else runs it.
        let flags = read(root + "/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("flags") }
        return flags?.split(separator: " ").contains("hypervisor") == true ? kind("machine", "unknown") : nil
    }

    private static func kind(_ kind: String, _ name: String) -> JSONValue {
        .object(["kind": .string(kind), "name": .string(name)])
    }

    private static func container(root: String) -> String? {
        if let name = read(root + "/run/systemd/container").map(trimmed), !name.isEmpty { return name }
        if access(root + "/.dockerenv", F_OK) == 0 { return "docker" }
        if access(root + "/run/.containerenv", F_OK) == 0 { return "podman" }
        return nil
    }
}
