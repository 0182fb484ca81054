import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Identity
import Spanner

/// `boltctl slice takeover`
struct SliceTakeover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover", abstract: "Give the slices of a partition that is lost to the others.",
        discussion: """
            For a partition all of whose bolts are gone. What it acknowledged and nobody else holds is not there for \
            the new owners: they show it as holes. If it comes back, it yields, hands over what it holds, and wins \
            only where it had handed on itself before. While one of its bolts is heard it is refused: move the slices \
            with boltctl partition drain instead.

            Asked again with the same --act after all is taken it is done already, and ends with 0.

            Each takeover is signed with your own key, on this machine. Shows first what would be taken over and what \
            cannot be known. --to names one new owner for all; otherwise they are spread by the weights.

            EXAMPLES
              boltctl slice takeover --partition north --dry-run
              boltctl slice takeover --partition north --reason "the machine room burnt"
              boltctl slice takeover --partition north --to south --reason "the machine room burnt" --yes
            """)

    @Option(name: .long, help: "The partition that is lost.")
    var partition: String
    @Option(name: .long, help: "Who owns all of its slices from then on. Default: the others, by their weights.")
    var to: String?
    @Option(name: .long, help: "Id of an act that was begun before: what it has taken is not taken again.")
    var act: String?
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        let act: PrincipalID
        let partition: PartitionName
        /// Slices by their new owner.
        let owners: [String: Int]
        let unknowable: [String]
        let taken: Int
        let refused: [TakeOverResponse.Refusal]
        let level: BoltAPI.AckLevel?
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case act, partition, owners, unknowable, taken, refused, level
            case dryRun = "dry_run"
        }
    }

    func run() async throws {
        let name: PartitionName = try NamedArgument.name(partition, "the partition")
        let target: PartitionName? = try to.map { try NamedArgument.name($0, "the new owner") }
        guard target != name else {
            throw CommandFailure("same_partition", "--to names the lost partition itself", status: .usage)
        }
        let id = try actID()
        let session = try connection.session()
        let signer = try TakeoverSigner(ActSigner(session.operatorIdentity), act: id, reason: mutation.reason)
        let preview = try await TakeoverPreview.ask(name, session)
        try preview.refuse(mesh: signer.mesh, isRepeat: act != nil)
        if let target { try await preview.refuse(target, session) }
        let deltas = try signer.deltas(preview.slices, from: name, to: target)
        if !mutation.dryRun, !mutation.yes {
            // Whoever is asked for a yes is not to hear of a refusal after it.
            try Self.refuse(try await post(deltas, id, name, session, dryRun: true))
            Console.note(preview.text(to: target))
        }
        if !mutation.dryRun, !deltas.isEmpty { try Console.confirm(preview.question(to: target), yes: mutation.yes) }
        let done = try await post(deltas, id, name, session, dryRun: mutation.dryRun)
        let answer = Answer(
            act: id, partition: name, owners: preview.owners(to: target), unknowable: preview.head.unknowable,
            taken: done.taken, refused: done.refused, level: done.level, dryRun: mutation.dryRun)
        try connection.output.emit(answer, table: Self.table(answer, preview, target))
        if !done.refused.isEmpty { throw ExitCode(ExitStatus.error.rawValue) }
    }

    /// What the parts of a takeover came to.
    struct Outcome {
        var taken = 0
        var refused: [TakeOverResponse.Refusal] = []
        var level: BoltAPI.AckLevel?
    }

    /// Refuses a takeover of which nothing would be taken, before anybody is asked.
    static func refuse(_ rehearsal: Outcome) throws {
        guard let first = rehearsal.refused.first else { return }
        let whys = Set(rehearsal.refused.map(\.why)).sorted().prefix(3).joined(separator: "; ")
        guard rehearsal.taken == 0 else {
            return Console.warn("\(Plural.text(rehearsal.refused.count, "slice")) would not be taken over: \(whys)")
        }
        throw CommandFailure(
            "takeover_refused", "no slice would be taken over", reason: "\(whys); nothing was changed",
            next: "boltctl slice explain \(first.group)/\(first.slice)", status: .refused)
    }

    private func actID() throws -> PrincipalID {
        guard let act else { return try RandomID.principal() }
        guard let id = PrincipalID(apiText: act) else {
            throw CommandFailure("bad_id", "--act “\(act)” is not \(PrincipalID.apiKind)", status: .usage)
        }
        return id
    }

    /// Posts all parts; on a dry run they are judged only.
    private func post(
        _ deltas: [SliceDelta], _ id: PrincipalID, _ name: PartitionName, _ session: Session, dryRun: Bool
    ) async throws -> Outcome {
        var outcome = Outcome()
        for delta in deltas {
            let answer = try await post(delta, id, name, session, dryRun: dryRun, after: outcome.taken)
            outcome.taken += answer.taken
            outcome.refused += answer.refused
            outcome.level = answer.level
        }
        return outcome
    }

    /// Posts one part. What was taken before a failure stays taken, and the failure says so.
    private func post(
        _ delta: SliceDelta, _ id: PrincipalID, _ name: PartitionName, _ session: Session, dryRun: Bool,
        after taken: Int
    ) async throws -> TakeOverResponse {
        var encoder = CanonicalEncoder()
        delta.encode(to: &encoder)
        let body = TakeOverRequest(
            act: id, partition: name, transitions: Base64Bytes(encoder.bytes), reason: mutation.reason)
        do throws(ClientError) {
            return try await session.client.call(
                .takeOver, query: [("dry_run", dryRun ? "true" : nil)], body: body)
        } catch {
            guard taken > 0 || error.mayHaveChanged, !dryRun else { throw error }
            throw CommandFailure(
                error.code, "after \(Plural.text(taken, "slice")) the takeover broke off: \(error.detail)",
                next: "boltctl slice verify shows what was taken; go on with the rest: "
                    + Self.goingOn(name, to: to, act: id, reason: mutation.reason),
                changed: true, status: error.exitStatus, attempts: error.attempts)
        }
    }

    /// The command that goes on with a takeover that broke off: the rest goes to the same owners, for the same reason.
    static func goingOn(_ name: PartitionName, to: String?, act: PrincipalID, reason: String) -> String {
        var words = ["boltctl slice takeover --partition \(name)"]
        if let to { words.append("--to \(to)") }
        // In single quotes a shell takes everything as it stands, but for the quote itself.
        let quoted = reason.replacing("'", with: "'\\''")
        if !reason.isEmpty { words.append("--reason '\(quoted)'") }
        return (words + ["--act \(act)"]).joined(separator: " ")
    }

    static func table(_ answer: Answer, _ preview: TakeoverPreview, _ target: PartitionName?) -> String {
        var lines = answer.dryRun ? [preview.text(to: target), ""] : []
        lines.append(
            "\(answer.dryRun ? "would be taken over" : "taken over"): \(Plural.text(answer.taken, "slice")) of "
                + "\(answer.partition), act \(answer.act)")
        if preview.slices.isEmpty { lines.append("nothing is left to take over: it was done before") }
        lines += answer.refused.map { "stays: \($0.group)/\($0.slice): \($0.why)" }
        if answer.dryRun {
            lines.append("dry run: nothing was changed")
        } else {
            if let level = answer.level { lines.append("acknowledged at \(level)") }
            lines.append(
                "next: boltctl slice verify: it warns that bolts of \(answer.partition) could not be asked, and ends "
                    + "with 0 once the new owners serve; do not start bolts of \(answer.partition) before that")
        }
        return lines.joined(separator: "\n")
    }
}

/// What a takeover would mean, whole.
struct TakeoverPreview {
    /// The first page: what is said of the partition.
    let head: TakeoverPreviewResponse
    /// All slices.
    let slices: [TakeoverPreviewResponse.Slice]

    /// Asks for all pages.
    static func ask(_ name: PartitionName, _ session: Session) async throws -> TakeoverPreview {
        func page(_ after: String?) async throws(ClientError) -> TakeoverPreviewResponse {
            try await session.client.call(
                .takeoverPreview, [name.text], query: [("after", after), ("limit", "\(APILimits.pageCountMax)")])
        }
        let head = try await page(nil)
        var (slices, after) = (head.slices, head.nextAfter)
        while let cursor = after {
            let next = try await page(cursor)
            slices += next.slices
            // A page that does not get on would be asked for without end.
            after = next.slices.isEmpty || next.nextAfter == cursor ? nil : next.nextAfter
        }
        return TakeoverPreview(head: head, slices: slices)
    }

    /// Refuses what must not, or need not, be signed. `isRepeat`: of an act that was begun before nothing may be left.
    func refuse(mesh: MeshID, isRepeat: Bool = false) throws {
        let name = head.partition
        guard head.mesh.id == mesh else {
            throw CommandFailure(
                "not_our_mesh", "\(head.bolt) answered for another mesh", next: "check --bolt and --identity",
                status: .refused)
        }
        guard head.heard.isEmpty else {
            throw CommandFailure(
                "owner_lives", "\(Plural.are(head.heard, "heard")): \(name) is not lost",
                reason: "nothing was changed: what it acknowledges meanwhile would not be there for the new owners",
                next: "move its slices: boltctl partition drain \(name); or promote a standby: boltctl partition "
                    + "promote \(name) --check", status: .refused)
        }
        guard !slices.isEmpty || isRepeat else {
            throw CommandFailure(
                "nothing_owned", "\(name) owns no slice", reason: "nothing was changed",
                next: "boltctl slice list", status: .refused)
        }
    }

    /// Refuses a new owner that may not own the slices, before anything is signed: what is signed is for ever.
    func refuse(_ target: PartitionName, _ session: Session) async throws {
        let inForce: TopologyResponse = try await session.client.call(.topology)
        let why = Self.obstacle(target, Set(slices.map(\.group)), inForce.topology, drained: inForce.drains)
        guard let why else { return }
        throw CommandFailure(
            "topology_refused", "\(target) cannot own slices of \(head.partition): \(why)",
            reason: "nothing was signed, and nothing was changed",
            next: "name another owner with --to, or none: boltctl partition list", status: .refused)
    }

    /// Why a partition may not own slices of these groups; nil where it may own all.
    static func obstacle(
        _ target: PartitionName, _ groups: Set<GroupName>, _ topology: Topology, drained: [PartitionName]
    ) -> String? {
        for group in groups.sorted() {
            guard let refusal = topology.refusal(toOwning: group, by: target, drained: Set(drained)) else { continue }
            let names = topology.partitions.map(\.name.text)
            let near = refusal == .unknown ? NearestName.suggest(target.text, among: names) : nil
            return "it \(refusal)" + (near.map { "; did you mean \($0)?" } ?? "")
        }
        return nil
    }

    /// How many slices go to whom.
    func owners(to target: PartitionName?) -> [String: Int] {
        Dictionary(grouping: slices, by: { (target ?? $0.to).text }).mapValues(\.count)
    }

    /// Envoys in all slices, as far as was last said.
    var envoys: UInt64 { slices.reduce(0) { $0 &+ ($1.envoys ?? 0) } }

    func question(to target: PartitionName?) -> String {
        "Take \(Plural.text(slices.count, "slice")) with \(Plural.text(envoys, "envoy")) over from \(head.partition)? "
            + "What only its disks hold is not there for the new owners."
    }

    /// What would be taken over, and what cannot be known.
    func text(to target: PartitionName?) -> String {
        let view = head.lastView
        var fields = TextFields([
            ("partition", head.partition.text),
            ("last heard", head.silentSeconds.map { "\(AboutText.span($0)) ago" } ?? "never, by \(head.bolt)"),
            ("last epoch", view?.epoch.map { "\($0.shortText) of \($0.minter)" }),
            ("last primary", view?.primary), ("slices", "\(slices.count)"), ("envoys", "\(envoys)"),
        ])
        for (owner, count) in owners(to: target).sorted(by: { $0.key < $1.key }) {
            fields.add("to \(owner)", Plural.text(count, "slice"))
        }
        let unknown = head.unknowable.map { "  \($0)" }
        return fields.text + (unknown.isEmpty ? "" : "\n\nWHAT CANNOT BE KNOWN\n" + unknown.joined(separator: "\n"))
    }
}

/// Builds and signs takeovers. The bolts never see the key.
struct TakeoverSigner {
    private let signer: ActSigner
    private let act: PrincipalID
    private let at: WallTime
    private let reason: String

    init(_ signer: ActSigner, act: PrincipalID, reason: String, at: WallTime = .now) throws {
        guard reason.utf8.count <= SliceLimits.reasonBytesMax else {
            throw CommandFailure(
                "reason_too_long", "--reason takes at most \(SliceLimits.reasonBytesMax) bytes", status: .usage)
        }
        (self.signer, self.act, self.reason, self.at) = (signer, act, reason, at)
    }

    /// The mesh that is signed for.
    var mesh: MeshID { signer.mesh }

    /// Signed takeovers of these slices, in parts that one request takes each.
    func deltas(
        _ slices: [TakeoverPreviewResponse.Slice], from: PartitionName, to target: PartitionName?
    ) throws -> [SliceDelta] {
        let warrant = SliceWarrant(chain: signer.chain)
        let signed = try slices.map { slice in
            guard
                let transition = SliceTransition(
                    ending: slice.base(owner: from), to: target ?? slice.to,
                    cause: .takeover(act: act, at: at, reason: reason))
            else {
                throw CommandFailure(
                    "bad_answer", "the bolt proposes \(slice.to) as the owner of \(slice.group)/\(slice.slice)",
                    reason: "that is no takeover from \(from); nothing was changed", next: "name a new owner with --to")
            }
            return SignedTransition(
                transition, warrant: warrant, signature: signer.key.sign(transition.signedBytes(in: signer.mesh)))
        }
        return stride(from: 0, to: signed.count, by: APILimits.takeoversMax).map { start in
            SliceDelta(Array(signed[start..<min(start + APILimits.takeoversMax, signed.count)]))
        }
    }
}
