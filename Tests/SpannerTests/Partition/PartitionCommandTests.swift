import CRDT
import Spanner
import Testing

/// P4: a command has one encoding, and bytes that no encoder writes are refused without a trap.
@Suite("Partition commands: one encoding, bounded, refused when altered")
struct PartitionCommandTests {
    private static let at = WallTime(milliseconds: 1_800_000_000_000)
    private static let source = PartitionCommand.EnvoyQueue(
        envoy: PrincipalID(high: 1, low: 2), queue: QueueID(high: 3, low: 4))

    private static let examples: [PartitionCommand] = plain + slices + policy

    private static let plain: [PartitionCommand] = [
        .results(
            PartitionCommand.QueuedResults(
                source: source, received: at,
                results: [SequencedResult(sequence: 7, body: [1, 2]), SequencedResult(sequence: 9, body: [])])),
        .seen([
            PartitionCommand.EnvoySighting(envoy: source.envoy, at: at, traits: [0x7B, 0x7D]),
            PartitionCommand.EnvoySighting(envoy: source.envoy, at: at, traits: nil),
        ]),
        .seen([]),
        .base(source, through: 12, reason: "not held by the envoy", at: at),
        .tokenSpent(
            TokenID(PrincipalID(high: 5, low: 6)), key: KeyFingerprint(Bytes32(words: (1, 2, 3, 4))),
            admission: [9, 9, 9], at: at),
        .setting(name: "checkin.interval", value: [3]), .setting(name: "checkin.interval", value: nil),
        .secret(name: "db/password", sealed: Array(repeating: 0xAB, count: 48)), .secret(name: "gone", sealed: nil),
        .keyring([1, 2, 3]),
        .audit(AuditEntry(at: at, actor: "operator/ada", action: "secret.put", object: "db/password", reason: "rota")),
        .skip(position: 1 << 40, index: 3),
    ]

    /// Placements, steps of handoffs to and from here, and parts of a task.
    private static var slices: [PartitionCommand] {
        let (north, south) = (PartitionName(checked: "north"), PartitionName(checked: "south"))
        let hash = Bytes32(words: (9, 8, 7, 6))
        let slice = SliceID(group: GroupID(hash), index: 300)
        let register = SliceRegister(slice: slice, owner: north, position: 2, hash: hash)
        let id = HandoffID(Bytes32(words: (1, 1, 1, 1)))
        let epoch = PartitionEpoch(number: 3, minter: ReplicaID(key: hash, incarnation: 4))
        let point = LogPoint(epoch: epoch, position: 77, hash: hash)
        let seal = SliceSeal(point: point, digest: hash)
        guard let order = HandoffOrder(id: id, register: register, to: south),
            let transition = SliceTransition(ending: register, to: south, cause: .handOn(seal: seal))
        else { return [] }
        let signed = SignedTransition(
            transition, warrant: SliceWarrant(chain: [[1, 2, 3]]), signature: Array(repeating: 5, count: 64))
        let piece = HandoffPiece(place: .snapshot(of: point, number: 3, isLast: false), content: [1, 2])
        return [
            .placed([PartitionCommand.EnvoyPlacement(envoy: source.envoy, slice: slice)]), .placed([]),
            .handoffSource(.begun(order)), .handoffSource(.sealed(id)), .handoffSource(.handedOn(id, signed)),
            .handoffSource(.cancelled(id, reason: "later")), .handoffTarget(.opened(order)),
            .handoffTarget(.stored(id, piece)), .handoffTarget(.truncated(id, to: nil)),
            .handoffTarget(.held(id, seal)), .handoffTarget(.adopted(id, signed)),
            .sliceCollected(id, envoys: 1 << 20),
            .remainsGone(PartitionCommand.EnvoyPlacement(envoy: source.envoy, slice: slice)),
            .task(.init(task: source.envoy, number: 9, part: 1, parts: 3, bytes: [4, 5])),
        ]
    }

    /// A change of the policy of each kind.
    private static var policy: [PartitionCommand] {
        let (digest, envoy) = (Bytes32(words: (4, 3, 2, 1)), source.envoy)
        let version = PolicyVersion(
            sequence: 4, stack: digest, revision: "c0ffee", who: "operator/ada", at: at, note: "new motd")
        let content = PolicyLeafChange.Content(
            body: digest, box: [9, 9, 9], terms: PolicyTerms(maxAgeSeconds: 3600, expiry: .stop))
        let freeze = PolicyFreeze(isFrozen: true, reason: "night", who: "operator/ada", at: at)
        let changes: [PolicyChange] = [
            .stack(PolicyPart(digest: digest, number: 100, parts: 128, bytes: [1])),
            .body(PolicyPart(digest: digest, number: 0, parts: 1, bytes: [1, 2, 3])), .publish(version),
            .leaves(
                sequence: 4,
                [PolicyLeafChange(envoy: envoy, content: content), PolicyLeafChange(envoy: envoy, content: nil)]),
            .leaves(sequence: 1, []), .head(sequence: 4, [5, 6]), .given([envoy], sequence: 4),
            .outcome(PolicyOutcome(envoy: envoy, sequence: 4, hasSucceeded: true, at: at)),
            .rollout(sequence: 4, number: 2, [1]), .push(envoy, number: 1023, [2]), .ordered(through: 9),
            .freeze(freeze), .retire(below: 1 << 40),
        ]
        return changes.map { .policy($0) }
    }

    /// What is over a limit is refused before anything of it is kept.
    @Test(arguments: [
        PolicyChange.body(
            PolicyPart(digest: .zero, number: 4, parts: PartitionLimits.policyBodyPartsMax + 1, bytes: [1])),
        .stack(PolicyPart(digest: .zero, number: 3, parts: 3, bytes: [1])),
        .stack(PolicyPart(digest: .zero, number: 0, parts: 1, bytes: [])),
        .stack(
            PolicyPart(
                digest: .zero, number: 0, parts: 1,
                bytes: Array(repeating: 1, count: PartitionLimits.policyPartBytesMax + 1))),
        .given(Array(repeating: source.envoy, count: PartitionLimits.policyEnvoysMax + 1), sequence: 1),
        .head(sequence: 0, [1]), .head(sequence: 1, []), .ordered(through: 1 << 63),
        .push(source.envoy, number: PartitionLimits.policyRecordsMax, [1]),
        .leaves(
            sequence: 1,
            [
                PolicyLeafChange(
                    envoy: source.envoy,
                    content: PolicyLeafChange.Content(
                        body: .zero, box: Array(repeating: 1, count: PolicyLimits.boxBytesMax + 1),
                        terms: PolicyTerms()))
            ]),
    ])
    func `a change of the policy over its limits is refused`(_ change: PolicyChange) {
        var decoder = CanonicalDecoder(PartitionCommand.policy(change).canonicalBytes)
        #expect(throws: DecodingFailure.self) { try PartitionCommand(from: &decoder) }
    }

    /// A stack's files have one order, no path that leads out, and none twice.
    @Test(arguments: ["", "/etc/passwd", "../x", "a//b", "a/./b", "a/../b", "a/", "a\0b"])
    func `a path that is no place below the folder is refused`(_ path: String) {
        #expect(PolicyFiles([PolicyFile(path: path, bytes: [])]) == nil)
    }

    @Test func `files of a stack are read back, in the order of their paths only`() throws {
        let files = ["b", "a/z", "a.yaml"].map { PolicyFile(path: $0, bytes: Array($0.utf8)) }
        let stack = try #require(PolicyFiles(files))
        #expect(stack.files.map(\.path) == ["a.yaml", "a/z", "b"])
        #expect(PolicyFiles(files.reversed()) == stack)
        #expect(PolicyFiles(files + files.prefix(1)) == nil)
        var decoder = CanonicalDecoder(stack.canonicalBytes)
        #expect(try PolicyFiles(from: &decoder) == stack)
        var encoder = CanonicalEncoder()
        encoder.list(files) { encoder, file in
            encoder.text(file.path)
            encoder.string(file.bytes)
        }
        var wrong = CanonicalDecoder(encoder.bytes)
        #expect(throws: DecodingFailure.self) { try PolicyFiles(from: &wrong) }
    }

    @Test(arguments: examples) func `a command is read back as it was written`(_ command: PartitionCommand) throws {
        var decoder = CanonicalDecoder(command.canonicalBytes)
        #expect(try PartitionCommand(from: &decoder) == command)
        try decoder.finish()
    }

    /// What decodes at all encodes to the very bytes that it came from: no two encodings of one command.
    @Test(arguments: examples) func `an altered byte is refused or is another command`(_ command: PartitionCommand) {
        let bytes = command.canonicalBytes
        for place in bytes.indices {
            for flip in [UInt8(1), 0x80, 0xFF] {
                var altered = bytes
                altered[place] ^= flip
                var decoder = CanonicalDecoder(altered)
                guard let read = try? PartitionCommand(from: &decoder), (try? decoder.finish()) != nil else { continue }
                #expect(read != command)
                #expect(read.canonicalBytes == altered)
            }
        }
    }

    @Test(arguments: examples) func `a command cut short is refused`(_ command: PartitionCommand) {
        let bytes = command.canonicalBytes
        for count in bytes.indices {
            var decoder = CanonicalDecoder(Array(bytes[..<count]))
            let read = try? PartitionCommand(from: &decoder)
            #expect(read == nil || decoder.remaining == 0)
            #expect(read != command)
        }
    }

    @Test func `results out of order are refused`() {
        let results = PartitionCommand.results(
            PartitionCommand.QueuedResults(
                source: PartitionCommandTests.source, received: PartitionCommandTests.at,
                results: [SequencedResult(sequence: 2, body: []), SequencedResult(sequence: 2, body: [])]))
        var decoder = CanonicalDecoder(results.canonicalBytes)
        #expect(throws: DecodingFailure.self) { try PartitionCommand(from: &decoder) }
    }
}
