import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Spanner

/// `boltctl envoy token …`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Join tokens.",
        subcommands: [TokenCreate.self, TokenList.self, TokenRevoke.self])
}

/// A time span as people write it.
enum SpanText {
    /// Seconds of `90s`, `15m`, `24h`, `7d` or a bare number of seconds; nil for anything else.
    static func seconds(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last else { return nil }
        let (digits, unit) = units[last].map { (text.dropLast(), $0) } ?? (text[...], 1)
        guard let number = UInt64(digits), number > 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }
}

/// `boltctl envoy token create`
struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a join token. Its text is shown once.",
        discussion: """
            One use makes a one-shot token, spent at its home partition; more uses make one that works at any bolt, \
            where an overrun in a network split is shown, not prevented.

            EXAMPLES
              boltctl envoy token create
              boltctl envoy token create --uses 100 --expires 24h --group web --label env=prod
            """)

    @Option(name: .long, help: "How often it admits.")
    var uses: UInt32 = 1
    @Option(name: .long, help: "How long it is honoured: 90s, 15m, 24h, 7d.")
    var expires: String = "1h"
    @Option(name: .long, help: "Group of those admitted.")
    var group: String?
    @Option(name: .long, help: "A label of those admitted, key=value; may be repeated.")
    var label: [String] = []
    @Option(name: .long, help: "Home partition of a one-shot token. Default: that of the bolt asked.")
    var home: String?
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What to ask for; refuses bad arguments before anybody is asked.
    func request() throws -> CreateTokenRequest {
        guard let seconds = SpanText.seconds(expires), seconds <= APILimits.tokenExpiresSecondsMax else {
            throw CommandFailure(
                "bad_span", "--expires takes 90s, 15m, 24h or 7d, at most 365d; not “\(expires)”", status: .usage)
        }
        guard (1...APILimits.tokenUsesMax).contains(uses) else {
            throw CommandFailure("bad_uses", "--uses takes 1 to \(APILimits.tokenUsesMax)", status: .usage)
        }
        let labels = try LabelArgument.labels(label)
        return CreateTokenRequest(
            kind: uses == 1 ? .oneShot : .multiUse, uses: uses, expiresSeconds: seconds,
            home: try home.map { try NamedArgument.name($0, "--home") },
            group: try group.map { try NamedArgument.name($0, "--group") }, labels: labels)
    }

    func run() async throws {
        let request = try request()
        let answer: CreateTokenResponse = try await connection.session().client.call(
            .createToken, query: mutation.query, body: request)
        guard connection.output.output == .table else { return try connection.output.emit(answer, table: "") }
        guard let token = answer.token else {
            let until = Console.time(milliseconds: answer.expiresAt.milliseconds)
            return Console.out(
                "would make a token for \(Plural.text(uses, "use")), until \(until)\ndry run: nothing was changed")
        }
        // The token alone is data: TOKEN=$(boltctl envoy token create) works.
        Console.note(
            "token \(answer.id?.description ?? ""): \(Plural.text(uses, "use")), until "
                + "\(Console.time(milliseconds: answer.expiresAt.milliseconds)), acknowledged at \(answer.level)")
        Console.out(token)
        if let address = answer.addresses.first {
            Console.note(
                "next, on the machine: bolt-envoy enroll --mesh \(address) --token TOKEN --state DIR, then "
                    + "bolt-envoy run --state DIR")
        }
    }
}

/// `boltctl envoy token list`
struct TokenList: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Tokens of the roster, without their secrets.",
        discussion: "EXAMPLES\n  boltctl envoy token list")

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<TokensResponse> { Question(endpoint: .tokens) }

    func table(_ answer: TokensResponse) -> String {
        var table = TextTable("ID", "KIND", "HOME", "USED", "USES", "EXPIRES", "STATE", "GROUP")
        for token in answer.tokens {
            let state = token.revoked ? "revoked" : token.used > token.uses ? "overrun" : "valid"
            table.row(
                token.id.description, token.kind.rawValue, token.home?.text, "\(token.used)", "\(token.uses)",
                Console.time(milliseconds: token.expiresAt.milliseconds), state, token.group?.text)
        }
        return table.text
    }
}

/// `boltctl envoy token revoke`
struct TokenRevoke: ChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "No longer honour a token. Machines that it admitted stay.",
        discussion: "EXAMPLES\n  boltctl envoy token revoke 0f…32 digits… --yes")

    @Argument(help: "Id of the token.")
    var id: String
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func check() throws { _ = try token() }

    func plan(_ poster: ActPoster) throws -> PlannedChange {
        let token = try token()
        return PlannedChange("Revoke the token \(token)?", .revokeToken(token))
    }

    private func token() throws -> TokenID {
        guard let token = TokenID(apiText: id) else {
            throw CommandFailure("bad_id", "“\(id)” is not \(TokenID.apiKind)", status: .usage)
        }
        return token
    }
}
