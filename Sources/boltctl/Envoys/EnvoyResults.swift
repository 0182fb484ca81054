import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Foundation
import Spanner

/// `boltctl envoy results`
struct EnvoyResults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "results", abstract: "What one machine has told: each result once, in order, with every hole.",
        discussion: """
            A line for each pass, for each run of places that hold nothing and why, and for each record that the \
            machine dropped because its queue was full. Places of one queue ascend without a gap. PLACE is the queue's \
            first digits and the number in it; a machine that lost its disk begins another queue.

            TIME is when the machine made the pass, by its own clock; of other lines, when the owner took or noted it. \
            “told” says when the owner had a pass that was made long before: no bolt took it then. With -o json at_ms \
            is when the owner took it, pass.at_ms when it was made. “offline” is a pass before which no server was \
            heard for so long that disruptive resources waited.

            What a banned or removed machine told is shown too, by its id where another has its name now.

            Without --all or --after the latest. Exit 1 where a place holds nothing and nothing says why.

            EXAMPLES
              boltctl envoy results web-7
              boltctl envoy results web-7 --last 5 --resources
              boltctl envoy results web-7 --all -o json
              boltctl envoy results web-7 --all --raw -o json
            """)

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @Option(name: .long, help: "How many of the latest to show.")
    var last: Int = 20
    @Flag(name: .long, help: "Show all, from the first.")
    var all = false
    @Option(name: .long, help: "Begin after this place, QUEUE:NUMBER: the next_after of the page before.")
    var after: String?
    @Option(name: .long, help: "How many to show after that place.")
    var limit: Int = 100
    @Option(name: .long, help: "Only this queue, by all its digits.")
    var queue: String?
    @Flag(name: .long, help: "Show what became of each resource that was not as it should be.")
    var resources = false
    @Flag(name: .long, help: "Bodies as they came, in base64, even where they are JSON.")
    var raw = false
    @OptionGroup var connection: ConnectionOptions

    /// Results that one command shows at most: what lies beyond needs --after.
    static let shownMax = 100_000

    func run() async throws {
        try check()
        let session = try connection.session()
        let reader = ResultReader(client: session.client, envoy: name, queue: queue, raw: raw)
        let answer: EnvoyResultsResponse
        if let after {
            answer = try await reader.page(after: ResultCursor(apiText: after), limit: limit)
        } else if all {
            answer = try await reader.all(most: Self.shownMax)
        } else {
            answer = try await reader.last(last)
        }
        try connection.output.emit(answer, table: ResultText.text(answer, resources: resources))
        let missing = answer.results.filter { $0.kind == .missing }
        guard let first = missing.first else { return }
        Console.warn(
            "\(Plural.text(missing.count, "run")) of places hold nothing and nothing says why, the first at "
                + "\(first.sequence) of queue \(first.queue): look in the log of \(answer.bolt)")
        throw ExitCode(ExitStatus.error.rawValue)
    }

    /// Refuses bad arguments before anybody is asked.
    func check() throws {
        guard !all || after == nil else {
            throw CommandFailure(
                "two_contents", "--all and --after say two things", next: "leave one of them out", status: .usage)
        }
        guard (1...APILimits.pageCountMax).contains(last), (1...APILimits.pageCountMax).contains(limit) else {
            throw CommandFailure(
                "bad_count", "--last and --limit take 1 to \(APILimits.pageCountMax)", next: "or --all",
                status: .usage)
        }
        if let after, ResultCursor(apiText: after) == nil {
            throw CommandFailure(
                "bad_id", "--after “\(after)” is not \(ResultCursor.apiKind)",
                next: "boltctl envoy results \(name)", status: .usage)
        }
        if let queue { let _: QueueIncarnation = try NamedArgument.name(queue, "--queue") }
    }
}

/// Reads results page by page.
struct ResultReader {
    let client: BoltClient
    let envoy: String
    let queue: String?
    let raw: Bool

    /// One page after a place; the first without one.
    func page(after: ResultCursor?, limit: Int) async throws -> EnvoyResultsResponse {
        try await client.call(
            .envoyResults, [envoy],
            query: [
                ("queue", queue), ("after", after?.apiText), ("limit", "\(limit)"), ("raw", raw ? "true" : nil),
            ])
    }

    /// All of them; where there are more than `most`, `next_after` says where to go on.
    func all(most: Int) async throws -> EnvoyResultsResponse {
        var whole = try await page(after: nil, limit: APILimits.pageCountMax)
        while let next = whole.nextAfter, whole.results.count < most {
            let page = try await page(after: next, limit: APILimits.pageCountMax)
            try Self.append(page, to: &whole)
        }
        return whole
    }

    /// The latest of the queue that the machine has now.
    func last(_ count: Int) async throws -> EnvoyResultsResponse {
        let first = try await page(after: nil, limit: count)
        guard first.nextAfter != nil, let start = Self.start(of: count, in: first.queues) else { return first }
        var whole = try await page(after: start, limit: APILimits.pageCountMax)
        while let next = whole.nextAfter, whole.results.count < APILimits.pageCountMax {
            try Self.append(try await page(after: next, limit: APILimits.pageCountMax), to: &whole)
        }
        whole.results = Array(whole.results.suffix(count))
        return whole
    }

    /// Where the last `count` places begin: in the machine's present queue, or in those before as far as it is short.
    static func start(of count: Int, in queues: [ResultQueueView]) -> ResultCursor? {
        var left = UInt64(max(0, count))
        for queue in queues.reversed() {
            if queue.storedThrough >= left {
                return ResultCursor(queue: queue.queue, sequence: queue.storedThrough - left)
            }
            left -= queue.storedThrough
        }
        return queues.first.map { ResultCursor(queue: $0.queue, sequence: 0) }
    }

    /// Appends a page, which has to go on where the one before ended: a bolt that repeats or leaves out is not
    /// believed.
    static func append(_ page: EnvoyResultsResponse, to whole: inout EnvoyResultsResponse) throws {
        guard page.nextAfter == nil || page.nextAfter != whole.nextAfter, !page.results.isEmpty || page.nextAfter == nil
        else { throw disordered(page, "its pages do not get on") }
        var seen = whole.results.last
        for result in page.results {
            if let last = seen, last.queue == result.queue, result.sequence != last.through + 1 {
                throw disordered(page, "after place \(last.through) it tells of \(result.sequence)")
            }
            seen = result
        }
        whole.results += page.results
        (whole.nextAfter, whole.queues) = (page.nextAfter, page.queues)
        whole.freshness = page.freshness
    }

    private static func disordered(_ page: EnvoyResultsResponse, _ why: String) -> CommandFailure {
        CommandFailure(
            "results_disordered", "\(page.bolt) tells results of \(page.name) that do not follow one another",
            reason: why, next: "ask again, or another bolt with --bolt; keep the bolt's log")
    }
}

/// Results for people.
enum ResultText {
    /// All of them, a line each: whole where `columns` is nil.
    static func text(
        _ answer: EnvoyResultsResponse, resources: Bool, columns: Int? = Screen.tableColumns
    ) -> String {
        var parts = [head(answer)]
        if !answer.results.isEmpty { parts.append(table(answer.results, columns: columns)) }
        if resources { parts += answer.results.compactMap { detail($0) } }
        if let next = answer.nextAfter {
            parts.append("more: boltctl envoy results \(answer.name) --after \(next.apiText)")
        }
        if let part = part(answer) { parts.append(part) }
        return parts.joined(separator: "\n\n")
    }

    /// That these are the latest only; nil where they are all, or a page of those after a place.
    static func part(_ answer: EnvoyResultsResponse) -> String? {
        let all = answer.queues.reduce(UInt64(0)) { $0 &+ $1.storedThrough }
        guard answer.nextAfter == nil, let first = answer.results.first, first.sequence > 1 else { return nil }
        return "from place \(first.sequence) of queue \(short(first.queue)) on; "
            + "\(Plural.text(all, "place")) are told in all: --all, or --last N"
    }

    private static func head(_ answer: EnvoyResultsResponse) -> String {
        let queues = answer.queues.map { queue in
            let holes = queue.holes > 0 ? ", \(Plural.text(queue.holes, "place")) with nothing" : ""
            return "\(short(queue.queue))\(queue.isCurrent ? "" : " (ended)"): "
                + "\(Plural.text(queue.results, "result")) through \(queue.storedThrough)\(holes)"
        }
        let whose: String
        switch answer.source {
        case .owner: whose = "as \(answer.bolt) has them"
        case .standby: whose = "as \(answer.bolt) has them, a standby: what came last may be missing"
        case .custody: whose = "as \(answer.bolt) keeps them for an owner that is away: no others are shown"
        }
        let none = queues.isEmpty ? ["nothing was told yet"] : queues
        let who = answer.standing == .active ? "" : ", which is \(answer.standing.rawValue)"
        return (["results of \(answer.name)\(who), \(whose)"] + none).joined(separator: "\n")
    }

    static func table(_ results: [EnvoyResultView], columns: Int? = nil) -> String {
        var table = TextTable("PLACE", "TIME", "WHAT")
        for result in results {
            let place =
                result.sequence == result.through ? "\(result.sequence)" : "\(result.sequence)-\(result.through)"
            table.row(
                "\(short(result.queue)):\(place)", time(result).map { Console.time(milliseconds: $0.milliseconds) },
                told(result) + what(result))
        }
        return table.text(columns: columns)
    }

    /// A pass that came this many milliseconds after it was made was not taken when it was.
    static let lateMilliseconds: UInt64 = 30_000

    /// When it was: a pass when the machine made it, all else when the owner took or noted it.
    static func time(_ result: EnvoyResultView) -> WallTime? { record(result)?.at ?? result.at }

    /// When the owner had it, before what it is; empty where that was at once.
    private static func told(_ result: EnvoyResultView) -> String {
        guard let at = result.at, let made = record(result)?.at,
            at.milliseconds > made.milliseconds, at.milliseconds - made.milliseconds > lateMilliseconds
        else { return "" }
        let (day, told) = (Console.time(milliseconds: made.milliseconds), Console.time(milliseconds: at.milliseconds))
        return "told \(told.prefix(10) == day.prefix(10) ? told.dropFirst(11) : told[...]), "
    }

    /// One result in words.
    static func what(_ result: EnvoyResultView) -> String {
        switch result.kind {
        case .dropped:
            return "\(Plural.text(result.count ?? 0, "record")) dropped: its queue was full"
        case .hole: return "nothing: \(result.reason ?? "no reason is told")"
        case .expired: return "no longer kept\(result.reason.map { ": \($0)" } ?? "")"
        case .missing: return "NOTHING, and nothing says why"
        case .result: break
        }
        guard let pass = record(result) else { return opaque(result) }
        let push = pass.push.map { "push \($0.apiText.prefix(8)), " } ?? ""
        let how =
            push + (pass.isOffline ? "offline, " : "") + (pass.report?.isDryRun == true ? "dry run, " : "")
            + (pass.isCut == true ? "cut short, " : "")
        let counts = pass.report.map { PassText.counts($0.counts) } ?? "no pass was made"
        return "\(how)\(PassText.outcome(pass.outcome)): \(pass.failure ?? counts)"
    }

    /// What became of the resources of a pass that were not as they should be; nil where there is nothing to tell.
    static func detail(_ result: EnvoyResultView) -> String? {
        guard let report = record(result)?.report else { return nil }
        let told = report.resources.filter { $0.outcome != .unchanged }
        guard !told.isEmpty else { return nil }
        var lines = ["\(short(result.queue)):\(result.sequence), \(PassText.span(report.microseconds))"]
        for resource in told { lines += text(resource) }
        if report.omitted > 0 { lines.append("  and \(Plural.text(report.omitted, "resource")) without an entry") }
        return lines.joined(separator: "\n")
    }

    private static func text(_ resource: PassResource) -> [String] {
        let outcome = resource.outcome.rawValue.replacing("_", with: " ")
        let head = "\(resource.type) \(resource.id): \(outcome), \(PassText.span(resource.microseconds))"
        var lines = ["  " + head + (resource.summary.map { ": \($0.joined(separator: ", "))" } ?? "")]
        if let words = resource.words { lines.append("    \(words)\(resource.code.map { " [\($0)]" } ?? "")") }
        if let next = resource.next { lines.append("    next: \(next)") }
        // The machine's own words: only its blocks are of several lines.
        lines = lines.map { TerminalText.line($0) }
        for block in [resource.diff, resource.output].compactMap({ $0 }) {
            lines += TerminalText.lines(block).map { "      \($0)" }
        }
        return lines
    }

    /// The record of a pass, where the result is one.
    static func record(_ result: EnvoyResultView) -> PassRecord? {
        if let body = result.body { return PassRecord(resultBody: body.bytes) }
        guard let value = result.record, let json = try? APIJSON.encode(value) else { return nil }
        return PassRecord(resultBody: Array(json))
    }

    private static func opaque(_ result: EnvoyResultView) -> String {
        // What an agent with --report-only tells of each of its runs.
        if case .object(let run)? = result.record, run["kind"]?.text == "run" {
            return "a report only: no policy was applied" + (run["hostname"]?.text.map { "; host \($0)" } ?? "")
        }
        if let value = result.record, let json = try? APIJSON.encode(value) {
            return String(decoding: json.prefix(200), as: UTF8.self)
        }
        let bytes = result.body?.bytes ?? []
        let isText = bytes.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A }
        return isText ? String(decoding: bytes.prefix(200), as: UTF8.self) : Plural.text(bytes.count, "byte")
    }

    static func short(_ queue: QueueIncarnation) -> String { String(queue.apiText.prefix(8)) }
}
