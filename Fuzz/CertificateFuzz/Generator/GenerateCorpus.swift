import CRDT
import FoundationEssentials
import Identity
import Spanner

/// Makes a throw-away mesh and writes what its parts look like on the wire: the fuzzer's first inputs and its root.
@main
struct GenerateCorpus {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 2 else { return print("usage: generator FOLDER-OF-THE-TARGET") }
        let scratch = Scratch.make()
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let partition = PartitionName(checked: "east")
        let authority = try MeshAuthority.create(
            directory: "\(scratch)/mesh", name: "fuzz.example", passphrase: nil, dev: true,
            operatorName: OperatorName(checked: "alice"))
        let request = try BoltIdentity.prepare(directory: "\(scratch)/bolt")
        let grant = try authority.issueBolt(
            request, partition: partition, name: BoltName(checked: "b1"), addresses: ["b1.example:7440", "[::1]:1"])
        let bolt = try BoltIdentity.install(grant, directory: "\(scratch)/bolt")
        let person = try authority.operatorIdentity(OperatorName(checked: "alice"))
        let envoyRequest = try EnvoyIdentity.prepare(directory: "\(scratch)/envoy")
        let envoy = try bolt.envoyIssuer.issueEnvoy(
            envoyRequest.certificateRequest, principal: PrincipalID(high: 1, low: 2),
            sealingKey: envoyRequest.sealingKey)
        let token = try JoinToken(
            mesh: authority.mesh, kind: .multiUse, home: partition, addresses: ["b1.example:7440", "192.0.2.1:7440"])
        var seeds: [(UInt8, String, [UInt8])] = []
        for (name, chain) in [("bolt", grant.chain), ("operator", person.credential.chain), ("envoy", envoy)] {
            seeds.append((0, "certificate-\(name)", chain[0].der))
            seeds.append((1, "chain-\(name)", framed(chain)))
            seeds.append((2, "author-\(name)", framed(chain)))
        }
        seeds.append((0, "certificate-root", authority.root.der))
        seeds.append((0, "certificate-envoy-ca", grant.envoyIssuer.der))
        seeds.append((2, "author-root", framed([authority.root])))
        seeds.append((3, "request", request.certificateRequest.der))
        seeds.append((4, "identity-request", request.pem))
        seeds.append((5, "grant", grant.pem))
        seeds.append((6, "pem", authority.root.pem))
        seeds.append((7, "token", Array(token.text.utf8)))
        for certificate in grant.chain + envoy {
            guard let id = certificate.spiffeID?.description else { continue }
            seeds.append((8, "name-\(id.split(separator: "/").dropFirst().joined(separator: "-"))", Array(id.utf8)))
        }
        seeds.append((9, "mutation-none", [0, 0, 0]))
        seeds.append((9, "mutation-some", [0, 9, 1, 1, 30, 255]))
        for (door, name, bytes) in seeds {
            try Data([door] + bytes).write(to: URL(filePath: "\(arguments[1])/Corpus/\(name)"))
        }
        try fixture(grant.chain).write(to: URL(filePath: "\(arguments[1])/Target/Fixture.swift"))
    }

    private static func framed(_ chain: [Certificate]) -> [UInt8] {
        chain.flatMap { [UInt8($0.der.count >> 8), UInt8($0.der.count & 255)] + $0.der }
    }

    private static func fixture(_ chain: [Certificate]) -> Data {
        var text = "/// A chain that verifies: bolt, bolts' CA, root. Written by the generator; its keys are gone.\n"
        text += "enum Fixture {\n    static let boltChain = [\n"
        for certificate in chain {
            var digits = certificate.der.hexDigits[...]
            var lines: [String] = []
            while !digits.isEmpty {
                lines.append("        \"\(digits.prefix(100))\"")
                digits = digits.dropFirst(100)
            }
            text += lines.joined(separator: "\n            + ") + ",\n"
        }
        return Data((text + "    ]\n}\n").utf8)
    }
}

private enum Scratch {
    static func make() -> String {
        let path = FileManager.default.temporaryDirectory.path() + "bolt-corpus-\(Sodium.randomBytes(6).hexDigits)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
