import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// Acceptance 5: what a sibling serves of a partition that is away, and cannot read.
    /// The last of these suites: bolts bring each other what they may have to serve once in a while.
    @Suite struct SealedCoverTests {
        /// All forms in which a text could lie about.
        private func forms(of text: String, _ name: String) -> [String: Data] {
            let bytes = Data(text.utf8)
            // Base64 of what begins at any byte of three: the part that does not depend on its neighbours.
            let shifted = (0..<3).map { shift -> Data in
                let encoded = (Data(repeating: 0, count: shift) + bytes).base64EncodedString()
                return Data(encoded.dropFirst(shift == 0 ? 0 : 4).dropLast(4).utf8)
            }
            let hex = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            var forms = [name: bytes, "\(name) in hex": Data(hex.utf8)]
            for (shift, data) in shifted.enumerated() { forms["\(name) in base64, \(shift)"] = data }
            return forms
        }

        /// Which of these stand in files below a folder, with the first file of each.
        private func found(_ needles: [String: Data], below folder: String) throws -> [String: String] {
            var found: [String: String] = [:]
            let walk = try #require(FileManager.default.enumerator(atPath: folder))
            for case let path as String in walk {
                guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(path)") else { continue }
                for (name, needle) in needles where found[name] == nil && bytes.range(of: needle) != nil {
                    found[name] = path
                }
            }
            return found
        }

        /// How many machines of other partitions a bolt holds something for, by its own word.
        private func covered(by bolt: RealMesh.Bolt) throws -> Int {
            let text = try HTTP.get("http://\(bolt.ops)/metrics").body
            let line = text.split(separator: "\n").first { $0.hasPrefix("bolt_policy_covered_envoys ") }
            return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) } ?? 0
        }

        @Test(
            "acceptance 5, S2, S4: a sibling serves the sealed bundle of an absent owner; it holds no secret in clear",
            .timeLimit(.minutes(2)))
        func covered() throws {
            try inPolicyWorld { (world) throws in
                let fresh = try #require(world.silent)
                let primary = try world.mesh.primary(of: "north")
                try waitUntil("a sibling holds what it may have to serve", seconds: 60) {
                    try covered(by: primary) > 0
                }
                try world.mesh.crash(world.south)
                try waitUntil("it is served by a sibling", seconds: 40) {
                    let pass = try fresh.pass()
                    guard pass.status == 0, fresh.content("/etc/site/password") != nil else {
                        throw Unheard(what: "\(pass)")
                    }
                    return true
                }
                #expect(fresh.content("/etc/site/password") == "password=\(PolicyWorld.canary)\n")

                // The control is found everywhere: the machine's name.
                let control = "control"
                var needles = forms(of: PolicyWorld.canary, "canary")
                needles[control] = Data(fresh.name.utf8)
                for bolt in world.north {
                    let onDisk = try found(needles, below: bolt.directory)
                    #expect(Set(onDisk.keys) == [control], "\(bolt.name): \(onDisk)")
                    let pid = try #require(bolt.pid)
                    guard MemorySearch.isPossible(of: pid) else { continue }
                    let inMemory = try MemorySearch(pid: pid).found(needles)
                    #expect(inMemory == [control], "\(bolt.name): \(inMemory)")
                }
                // On the machine too it is in the one file that it is for.
                #expect(try Set(found(needles, below: fresh.state).keys) == [control])
                #expect(try found(needles, below: fresh.root)["canary"] == "etc/site/password")

                try world.ready()
                try fresh.converge("/etc/site/password", "password=\(PolicyWorld.canary)\n")
                let passes = try fresh.expectOnceInOrder()
                #expect(!"\(passes)".contains(PolicyWorld.canary), "no difference of it is shown")
            }
        }
    }
}
