import BoltAPI
import CRDT
import Foundation
import Identity
import Logging
import Spanner
import Synchronization
import Testing
import Vault

@testable import Bolt

/// The shell around a bolt's vault: what seals it, what opens it, and whom it tells.
@Suite struct SealServiceTests {
    private func owner(_ partition: String = "north") throws -> VaultOwner {
        let mesh = try #require(Bytes32(bytes: [UInt8](repeating: 7, count: 32)))
        return VaultOwner(mesh: MeshID(mesh), partition: try #require(PartitionName(partition)))
    }

    private func service(_ owner: VaultOwner, keyFile: String? = nil) -> SealService {
        SealService(owner, keyFile: keyFile, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "bolt-seal-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func code(_ body: () throws -> Void) -> VaultError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? VaultError)?.code }
    }

    @Test func aBoltIsSealedExactlyWhileThereIsAKeyringThatIsNotOpen() throws {
        let owner = try owner()
        let service = service(owner)
        #expect(!service.isSealed && service.reasons.isEmpty)
        let (keyring, key) = Keyring.initialise(owner)
        service.follow(keyring.bytes)
        #expect(service.isSealed && service.reasons.first?.contains("every bolt starts sealed") == true)
        #expect(try service.unseal(key))
        #expect(!service.isSealed && service.reasons.isEmpty)
        #expect(try !service.unseal(key), "the key of an open vault is not looked at")
        #expect(service.seal())
        #expect(service.isSealed && service.reasons.first?.contains("an operator sealed it") == true)
        #expect(!service.seal())
        // The record that brought the keyring was never safe and is cut.
        service.follow(nil)
        #expect(!service.isSealed)
    }

    @Test func whoeverAskedIsToldOfEachChangeThatDidNotComeByTheJournal() throws {
        let owner = try owner()
        let service = service(owner)
        let told = Mutex(0)
        service.tell { told.withLock { $0 += 1 } }
        let (keyring, key) = Keyring.initialise(owner)
        service.follow(keyring.bytes)
        #expect(told.withLock { $0 } == 0)
        _ = try service.unseal(key)
        #expect(told.withLock { $0 } == 1)
        _ = service.seal()
        #expect(told.withLock { $0 } == 2)
    }

    @Test func theKeyFileOpensAKeyringThatArrivesUnlessAnOperatorSealedTheBolt() throws {
        try withFolder { folder in
            let owner = try owner()
            let (keyring, key) = Keyring.initialise(owner)
            let path = folder + "/north.key"
            let service = service(owner, keyFile: path)
            service.follow(keyring.bytes)
            #expect(service.isSealed, "the file is not there yet")
            try UnsealKeyFile.write(key, to: path)
            let later = self.service(owner, keyFile: path)
            later.follow(keyring.bytes)
            #expect(!later.isSealed)
            let rotated = try later.vault.rotated()
            _ = later.seal()
            later.follow(rotated.bytes)
            #expect(later.isSealed, "whoever sealed it did not want it open")
        }
    }

    @Test("S1: a key file that others may read is refused, with the reason, and the bolt stays sealed")
    func insecureKeyFile() throws {
        try withFolder { folder in
            let owner = try owner()
            let (keyring, key) = Keyring.initialise(owner)
            let path = folder + "/north.key"
            try UnsealKeyFile.write(key, to: path)
            chmod(path, 0o640)
            let service = service(owner, keyFile: path)
            #expect(!service.isSealed, "there is nothing to be opened yet")
            service.follow(keyring.bytes)
            #expect(service.isSealed && service.reasons.contains { $0.contains("0640") }, "\(service.reasons)")
        }
    }

    @Test func aKeyOfAnotherKeyringIsRefusedAndChangesNothing() throws {
        let owner = try owner()
        let service = service(owner)
        #expect(code { _ = try service.unseal(Keyring.initialise(owner).key) } == .notInitialised)
        let (keyring, key) = Keyring.initialise(owner)
        service.follow(keyring.bytes)
        for other in [Keyring.initialise(owner).key, Keyring.initialise(try self.owner("south")).key] {
            #expect(code { _ = try service.unseal(other) } == .wrongKey)
            #expect(code { try service.check(other, opens: keyring) } == .wrongKey)
            #expect(code { try service.check(other) } == .wrongKey)
        }
        #expect(service.isSealed)
        try service.check(key, opens: keyring)
        try service.check(key)
        #expect(service.isSealed, "a check opens nothing")
    }

    @Test func aKeyringThatIsOfNoUseSealsTheBoltUntilAnotherTakesItsPlace() throws {
        let owner = try owner()
        let service = service(owner)
        let (keyring, key) = Keyring.initialise(owner)
        service.follow(keyring.bytes)
        _ = try service.unseal(key)
        var damaged = keyring.bytes
        damaged[damaged.count / 2] ^= 1
        for bytes in [damaged, Keyring.initialise(try self.owner("south")).keyring.bytes, []] {
            service.follow(bytes)
            #expect(service.isSealed && !service.vault.state.isUnsealed)
            #expect(code { _ = try service.unseal(key) } != nil)
            #expect(service.isSealed)
        }
        service.follow(keyring.bytes)
        #expect(try service.unseal(key))
        #expect(!service.isSealed)
    }

    @Test func aKeyringThatWasExpectedIsOpenFromItsFirstMomentOn() async throws {
        let owner = try owner()
        let service = service(owner)
        let (keyring, key) = Keyring.initialise(owner)
        let sealedInBetween = try await service.expecting(keyring, key) {
            service.follow(keyring.bytes)
            return service.isSealed
        }
        #expect(!sealedInBetween && !service.isSealed)
        // One that comes instead of it is not.
        let other = self.service(owner)
        try await other.expecting(keyring, key) { other.follow(Keyring.initialise(owner).keyring.bytes) }
        #expect(other.isSealed)
    }

    @Test func theGateLetsOneThroughAtATime() async throws {
        let gate = AsyncGate()
        let inside = Visitors()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<AsyncGate.waitingMax {
                group.addTask {
                    try await gate.pass {
                        inside.enter()
                        await Task.yield()
                        inside.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(inside.most == 1 && inside.all == AsyncGate.waitingMax)
        await #expect(throws: Problem.self) { try await gate.pass { throw Problem(.notFound, "") } }
        #expect(try await gate.pass { 5 } == 5, "a failure leaves the gate open")
    }

    @Test("Judging stacks leaves a processor to check-ins: a gate lets no more through than it has places")
    func theGateHasPlaces() async throws {
        let gate = AsyncGate(busy: .tooManyRequests, places: 2, waitingMax: 10)
        let inside = Visitors()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    try await gate.pass {
                        inside.enter()
                        await Task.yield()
                        inside.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect((1...2).contains(inside.most) && inside.all == 12)
        let full = AsyncGate(busy: .tooManyRequests, places: 0, waitingMax: 0)
        let problem = await #expect(throws: Problem.self) {
            try await full.pass { try await full.pass { 5 } }
        }
        #expect(problem?.code == .tooManyRequests)
        #expect(try await full.pass { 5 } == 5, "who was refused took no place")
    }

    @Test("S1: what prints a request shows no byte of a secret")
    func requestsShowNoSecret() throws {
        let value = SecretText(Array("hunter2".utf8))
        let partition = try #require(PartitionName("north"))
        let put = PutSecretRequest(partition: partition, name: "db", value: value, reason: "why")
        let unseal = UnsealRequest(key: value, reason: "why")
        var dumped = ""
        dump(put, to: &dumped)
        dump(unseal, to: &dumped)
        let shown = "\(put) \(unseal) \(String(reflecting: put)) \(String(reflecting: unseal)) \(value) \(dumped)"
        for bytes in ["hunter2", "104, 117", Data("hunter2".utf8).base64EncodedString()] {
            #expect(!shown.contains(bytes), "\(bytes) in \(shown)")
        }
        #expect(shown.contains("<7 secret bytes>"))
        #expect(try APIJSON.decode(SecretText.self, from: APIJSON.encode(value)) == value)
    }

    @Test func aSealedBoltSaysSoInItsHealthAndTheCodeCanBeMapped() {
        #expect(HealthCodes.status(of: .sealed, query: [:]) == 503)
        #expect(HealthCodes.status(of: .sealed, query: ["sealedcode": "204"]) == 204)
        #expect(HealthCodes.status(of: .sealed, query: ["standbyok": "true"]) == 503)
        #expect(!PartitionHealth.isReady(.sealed))
    }

    @Test func failuresOfTheVaultKeepTheirCauseAndTheirWayOut() {
        for code in VaultError.Code.all {
            let problem = VaultProblems.problem(VaultError(code, what: "open it", why: "it is so", next: "do this"))
            #expect(problem.detail == "open it: it is so" && !problem.next.isEmpty && !problem.changed)
            #expect((400...503).contains(problem.status), "\(code.rawValue)")
        }
    }
}

/// How many were somewhere at one time, and ever.
private final class Visitors: Sendable {
    private let count = Mutex((now: 0, most: 0, all: 0))

    var most: Int { count.withLock { $0.most } }
    var all: Int { count.withLock { $0.all } }

    func enter() { count.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1), $0.all + 1) } }
    func leave() { count.withLock { $0.now -= 1 } }
}
