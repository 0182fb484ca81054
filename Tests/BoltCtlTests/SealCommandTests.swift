import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import Spanner
import Testing
import Vault

@testable import boltctl

/// Commands about seals and secrets: what they refuse before anybody is asked, and what they show.
@Suite struct SealCommandTests {
    private func refusal(_ body: () throws -> Void) -> CommandFailure? {
        do { try body() } catch { return error as? CommandFailure }
        return nil
    }

    @Test("S1: a value that was pasted for a name is not repeated")
    func badNames() {
        for text in ["", "A", "db//x", "/db", "db/", ".x", "my secret", "Hunter2!", String(repeating: "a", count: 129)]
        {
            let failure = refusal { _ = try SecretArgument.name(text) }
            #expect(failure?.code == "bad_name" && failure?.status == .usage, "\(text)")
            #expect(text.count < 8 || failure?.text.contains(text) == false, "\(text)")
        }
        #expect((try? SecretArgument.name("db/replica-1/pass_word.txt"))?.text == "db/replica-1/pass_word.txt")
    }

    @Test func valuesComeFromAFileByteForByteWithinTheirLimit() throws {
        let path = NSTemporaryDirectory() + "bolt-value-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        func value(_ bytes: [UInt8]) throws -> [UInt8] {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try SecretArgument.value(from: path).withBytes { Array($0) }
        }
        let bytes: [UInt8] = [0, 10, 255, 13, 10]
        #expect(try value(bytes) == bytes)
        #expect(try value([UInt8](repeating: 7, count: 65_536)).count == 65_536)
        #expect(refusal { _ = try value([UInt8](repeating: 7, count: 65_537)) }?.code == "value_too_large")
        #expect(refusal { _ = try value([]) }?.code == "no_value")
        #expect(refusal { _ = try SecretArgument.value(from: path + ".gone") }?.code == "unreadable_file")
    }

    @Test func aKeyOfAnotherPartitionThanIsNamedIsGivenToNobody() throws {
        let north = try #require(PartitionName("north"))
        func refusal(_ arguments: [String]) throws -> CommandFailure? {
            try SealUnseal.parse(["--key-file", "north.key"] + arguments).refusal(of: north)
        }
        #expect(try refusal([]) == nil && refusal(["--partition", "north"]) == nil)
        #expect(try refusal(["--partition", "south"])?.code == "vault_wrong_key")
        #expect(throws: CommandFailure.self) { try refusal(["--partition", "No Name"]) }
    }

    /// The question said nothing of the machines that need the secret.
    @Test func whoIsHeldUpIsSaidBeforeItIsAsked() throws {
        let plan = SecretChangeResponse(
            partition: try #require(PartitionName("north")), name: "db/x", version: nil, level: .local, dryRun: true,
            effects: ["secret db/x would no longer be kept", "r7 needs it for 2 machines"])
        #expect(
            SecretRemove.question(plan) == """
                secret db/x would no longer be kept
                r7 needs it for 2 machines
                Remove the secret db/x of north?
                """)
    }

    @Test func tablesShowWhoIsSealedAndWhatOpens() throws {
        let north = try #require(PartitionName("north"))
        let open = SealStatusResponse(
            bolt: "a.north", partition: north, state: .unsealed, reasons: [],
            keyring: KeyringView(id: PrincipalID(high: 1, low: 2), lock: 1, revision: 3, dataKeys: 2),
            isMemoryLocked: false, hasKeyFile: true, isPrimary: true)
        var sealed = open
        (sealed.bolt, sealed.state, sealed.reasons) = ("b.north", .sealed, ["sealed: every bolt starts sealed"])
        (sealed.isPrimary, sealed.isMemoryLocked) = (false, nil)
        let table = PartitionSeals.table([
            .init(bolt: "a.north", address: "h:1", answer: open, error: nil),
            .init(bolt: "b.north", address: "h:2", answer: sealed, error: nil),
            .init(bolt: "c.north", address: "h:3", answer: nil, error: "refused"),
        ])
        for words in ["unsealed", "keys may get into swap", "every bolt starts sealed", "refused", "00000000"] {
            #expect(table.contains(words), "\(words) in\n\(table)")
        }
        let page = SecretsResponse(
            partition: north, bolt: "b.north", isPrimary: false, position: 9,
            secrets: [
                SecretView(name: "db/x", version: 2, bytes: 7, position: 8, opens: nil),
                SecretView(name: "db/y", version: 1, bytes: 9, position: 5, opens: false),
            ], nextAfter: "db/y")
        let secrets = SecretList.table(page)
        for words in ["sealed", "no", "copy of b.north, position 9", "--after db/y"] {
            #expect(secrets.contains(words), "\(words) in\n\(secrets)")
        }
    }

    @Test func withoutAPrimaryACopyIsListedWithItsAge() throws {
        let north = try #require(PartitionName("north"))
        var page = SecretsResponse(
            partition: north, bolt: "b.north", isPrimary: false, position: 9, secrets: [], nextAfter: nil,
            ageSeconds: 12.3)
        #expect(SecretList.table(page).contains("not the primary's: 12 s after it last heard the primary"))
        page.ageSeconds = nil
        #expect(SecretList.table(page).contains("it heard no primary since it started"))
        func line(_ bolt: String, _ state: SealStatusResponse.State?) -> PartitionSeals.Line {
            .init(
                bolt: bolt, address: "h:1",
                answer: state.map {
                    SealStatusResponse(
                        bolt: bolt, partition: north, state: $0, reasons: [], keyring: nil, isMemoryLocked: nil,
                        hasKeyFile: false, isPrimary: false)
                }, error: nil)
        }
        let (silent, sealed, open) = (line("a.north", nil), line("b.north", .sealed), line("c.north", .unsealed))
        #expect(PartitionSeals.copy(among: [silent, sealed])?.bolt == "b.north")
        #expect(PartitionSeals.copy(among: [silent, sealed, open])?.bolt == "c.north")
        #expect(PartitionSeals.copy(among: [silent]) == nil)
    }

    @Test("S2: a second seal init says that it is done, that nothing changed, and ends with 4")
    func initialisedAlready() throws {
        let north = try #require(PartitionName("north"))
        var answer = SealStatusResponse(
            bolt: "a.north", partition: north, state: .unsealed, reasons: [],
            keyring: KeyringView(id: PrincipalID(high: 1, low: 2), lock: 1, revision: 3, dataKeys: 2),
            isMemoryLocked: nil, hasKeyFile: true, isPrimary: true)
        let failure = SealInit.refusal(north, .init(bolt: "a.north", address: "h:1", answer: answer, error: nil))
        #expect(failure?.code == "vault_initialised" && failure?.status == .refused && failure?.changed == false)
        #expect(failure?.message.hasPrefix("it is done already") == true)
        #expect(failure?.reason?.contains("nothing was changed") == true)
        answer.keyring = nil
        #expect(SealInit.refusal(north, .init(bolt: "a.north", address: "h:1", answer: answer, error: nil)) == nil)
        #expect(Problem(.vaultInitialised, "").exitStatus == .refused)
    }

    @Test func aKeyThatOnlySomeBoltsTookEndsWithFive() {
        func line(_ note: String?) -> UnsealRound.Line {
            .init(bolt: "a.north", address: "h:1", state: note == nil ? .unsealed : nil, changed: true, note: note)
        }
        #expect(refusal { try UnsealRound.require([line(nil), line(nil)]) } == nil)
        #expect(refusal { try UnsealRound.require([line("no"), line("no")]) }?.code == "not_unsealed")
        #expect(throws: (any Error).self) { try UnsealRound.require([line(nil), line("no")]) }
    }
}
