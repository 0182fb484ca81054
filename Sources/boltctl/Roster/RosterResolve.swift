import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl roster resolve`
struct RosterResolve: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Give a contested name to one key; the other admissions end.",
        discussion: "EXAMPLES\n  boltctl roster resolve web-7 --keep 3f…64 digits… --reason \"the new disk\"")

    @Argument(help: "The contested name.")
    var name: String
    @Option(name: .long, help: "Fingerprint of the key that keeps it, or at least 8 digits of it.")
    var keep: String
    @Option(name: .long, help: "Role of the name.")
    var role: String = "envoy"
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// Digits of a fingerprint that are enough to name one.
    static let prefixMin = 8

    func check() throws {
        _ = (try PrincipalRole(argument: role), try NamedArgument.name(name, "the name", as: PrincipalName.self))
        guard keep.count >= Self.prefixMin, keep.allSatisfy(\.isHexDigit) else {
            throw CommandFailure(
                "bad_id", "--keep “\(keep)” is no fingerprint: at least \(Self.prefixMin) hexadecimal digits",
                next: "boltctl roster conflicts", status: .usage)
        }
    }

    func plan(_ poster: ActPoster) async throws -> PlannedChange {
        let role = try PrincipalRole(argument: role)
        let wanted: PrincipalName = try NamedArgument.name(name, "the name")
        let answer: ConflictsResponse = try await poster.session.client.call(.rosterConflicts)
        guard let conflict = answer.conflicts.first(where: { $0.role == role && $0.name == wanted }) else {
            throw CommandFailure("not_found", "\(wanted) is not contested", next: "boltctl roster conflicts")
        }
        let kept = conflict.holders.filter { $0.fingerprint.description.hasPrefix(keep.lowercased()) }
        guard kept.count == 1 else {
            throw CommandFailure(
                "not_found", "\(Plural.text(kept.count, "key")) of \(wanted) begin with \(keep)",
                next: "boltctl roster conflicts")
        }
        let targets = conflict.holders.filter { $0.fingerprint != kept[0].fingerprint }.flatMap(\.admissions).sorted()
        return PlannedChange(
            "Give \(wanted) to \(kept[0].fingerprint)?",
            .resolve(role: role, name: wanted, keep: kept[0].fingerprint, targets: targets))
    }
}
