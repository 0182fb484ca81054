import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// The bytes of some body, and its digest.
func policyBody(_ number: UInt64, count: Int = 40) -> (bytes: [UInt8], digest: Bytes32) {
    var generator = Seeded(number &+ 7000)
    let bytes = generator.bytes(max(1, count))
    return (bytes, TestWitness().hash(bytes))
}

/// The commands that store a body.
func storing(body bytes: [UInt8], _ digest: Bytes32) -> [PolicyChange] {
    PolicyPart.parts(of: bytes, digest: digest).map { .body($0) }
}

/// Some stack, and its digest.
func policyStack(_ number: UInt64, bytes: Int = 60) throws -> (files: PolicyFiles, digest: Bytes32) {
    var generator = Seeded(number &+ 9000)
    let files = [
        PolicyFile(path: "stack.yaml", bytes: Array("stack: s\(number)\n".utf8)),
        PolicyFile(path: "files/motd", bytes: generator.bytes(bytes)),
    ]
    let stack = try #require(PolicyFiles(files))
    return (stack, TestWitness().hash(stack.canonicalBytes))
}

/// The commands that store a stack.
func storing(_ stack: PolicyFiles, _ digest: Bytes32) -> [PolicyChange] {
    PolicyPart.parts(of: stack.canonicalBytes, digest: digest).map { .stack($0) }
}

func version(_ sequence: UInt64, _ stack: Bytes32, at: UInt64 = 5) -> PolicyVersion {
    PolicyVersion(
        sequence: sequence, stack: stack, revision: "c\(sequence)", who: "operator/ada",
        at: WallTime(milliseconds: at), note: "because")
}

extension LogAuthor {
    /// A record of changes of the policy.
    mutating func policy(_ changes: [PolicyChange]) -> JournalRecord { commands(changes.map { .policy($0) }) }

    /// Some change of the policy: most fit, some do not, as a primary of another mind would have them.
    func anyPolicy(_ generator: inout Seeded) -> [PolicyChange] {
        let sequence = 1 + UInt64(generator.below(12))
        func envoy(_ generator: inout Seeded) -> PrincipalID { envoyID(UInt64(generator.below(6))) }
        func terms(_ generator: inout Seeded) -> PolicyTerms {
            generator.below(2) == 0
                ? PolicyTerms() : PolicyTerms(maxAgeSeconds: UInt64(generator.below(90)), expiry: .enforceSafe)
        }
        switch generator.below(13) {
        case 0, 1:
            let body = policyBody(UInt64(generator.below(5)))
            return storing(body: body.bytes, body.digest)
        case 2:
            guard let stack = try? policyStack(UInt64(generator.below(4))) else { return [] }
            return storing(stack.files, stack.digest)
        case 3, 4:
            guard let stack = try? policyStack(UInt64(generator.below(4))) else { return [] }
            return [.publish(version(sequence, stack.digest))]
        case 5, 6, 7:
            var changes: [PolicyLeafChange] = []
            for _ in 0...generator.below(3) {
                let content = PolicyLeafChange.Content(
                    body: policyBody(UInt64(generator.below(5))).digest,
                    box: generator.below(3) == 0 ? [] : generator.bytes(50), terms: terms(&generator))
                changes.append(
                    PolicyLeafChange(envoy: envoy(&generator), content: generator.below(6) == 0 ? nil : content))
            }
            return [.leaves(sequence: sequence, changes)]
        case 8: return [.head(sequence: sequence, generator.bytes(30))]
        case 9: return [.given([envoy(&generator), envoy(&generator)], sequence: sequence)]
        case 10:
            let at = WallTime(milliseconds: generator.below(9) == 0 ? .max : 77)
            return [
                .outcome(
                    PolicyOutcome(
                        envoy: envoy(&generator), sequence: sequence, hasSucceeded: generator.below(2) == 0, at: at))
            ]
        case 11:
            let number = UInt64(generator.below(3))
            return [
                .rollout(sequence: sequence, number: number, generator.bytes(20)),
                .push(PrincipalID(high: 8, low: UInt64(generator.below(3))), number: number, generator.bytes(20)),
                .ordered(through: sequence),
                .freeze(
                    PolicyFreeze(
                        isFrozen: generator.below(2) == 0, reason: "night", who: "operator/ada",
                        at: WallTime(milliseconds: 4))),
            ]
        default: return [.retire(below: sequence)]
        }
    }
}

/// A naive reader of the same changes: what the tables are to say.
struct PolicyModel {
    var bodies: Set<Bytes32> = []
    var stacks: Set<Bytes32> = []
    var versions: [PolicyVersion] = []
    var leaves: [PrincipalID: (content: PolicyLeafChange.Content, sequence: UInt64)] = [:]
    var given: [PrincipalID: (sequence: UInt64, outcome: PolicyDelivery.Outcome)] = [:]
    var head: UInt64 = 0
    var ordered: UInt64 = 0

    /// Everything here is small: one part is a whole thing.
    mutating func take(_ change: PolicyChange) {
        switch change {
        case .stack(let part): stacks.insert(part.digest)
        case .body(let part): bodies.insert(part.digest)
        case .publish(let version):
            guard version.sequence > versions.last?.sequence ?? 0, stacks.contains(version.stack) else { return }
            versions.append(version)
        case .leaves(let sequence, let changes):
            // One that names what is not there takes the others with it.
            guard changes.allSatisfy({ $0.content.map { bodies.contains($0.body) } ?? true }) else { return }
            for change in changes {
                leaves[change.envoy] = change.content.map { ($0, sequence) }
                if change.content == nil { given[change.envoy] = nil }
            }
        case .head(let sequence, _): head = max(head, sequence)
        case .given(let envoys, let sequence):
            for envoy in envoys where given[envoy]?.sequence ?? 0 < sequence { given[envoy] = (sequence, .open) }
        case .outcome(let outcome):
            guard given[outcome.envoy]?.sequence == outcome.sequence else { return }
            given[outcome.envoy]?.outcome = outcome.hasSucceeded ? .succeeded : .failed
        case .ordered(let number): ordered = max(ordered, number)
        case .rollout, .push, .freeze: break
        case .retire(let sequence):
            guard let last = versions.last else { return }
            versions.removeAll { $0.sequence < min(sequence, last.sequence) }
            stacks.formIntersection(versions.map(\.stack))
            bodies.formIntersection(leaves.values.map(\.content.body))
        }
    }

    /// Where the tables say something else.
    func check(_ tables: PolicyTables) throws -> [String] {
        var faults: [String] = []
        func expect(_ condition: Bool, _ what: String) { if !condition { faults.append(what) } }
        expect(try tables.history(before: nil, limit: 100) == versions.reversed(), "history")
        expect(try tables.versionInForce() == versions.last, "version in force")
        for number in 0..<6 as Range<UInt64> {
            let (body, stack) = (policyBody(number), try policyStack(number))
            expect(try tables.body(body.digest) == (bodies.contains(body.digest) ? body.bytes : nil), "body \(number)")
            let files = stacks.contains(stack.digest) ? stack.files : nil
            expect(try tables.stack(stack.digest) == files, "stack \(number)")
        }
        expect(try tables.leaves(after: nil, limit: 100).map(\.envoy) == leaves.keys.sorted(), "leaves")
        for (envoy, leaf) in leaves {
            let row = try tables.leaf(of: envoy)
            let content = leaf.content
            let box = content.box.isEmpty ? Bytes32.zero : TestWitness().hash(content.box)
            let expected = PolicyLeafRow(
                envoy: envoy, body: content.body, box: box, terms: content.terms, sequence: leaf.sequence)
            expect(row == expected, "leaf \(envoy)")
            expect(try tables.box(of: envoy) == content.box, "box \(envoy)")
        }
        let deliveries = try tables.deliveries(after: nil, limit: 100)
        expect(deliveries.map(\.envoy) == given.keys.sorted(), "deliveries")
        for delivery in deliveries {
            let known = given[delivery.envoy]
            expect(known?.sequence == delivery.sequence && known?.outcome == delivery.outcome, "\(delivery.envoy)")
        }
        for sequence in 1...12 as ClosedRange<UInt64> {
            let mine = given.values.filter { $0.sequence == sequence }
            let counts = try tables.counts(of: sequence)
            expect(counts.given == UInt64(mine.count), "given \(sequence)")
            expect(counts.failed == UInt64(mine.filter { $0.outcome == .failed }.count), "failed \(sequence)")
            expect(counts.succeeded == UInt64(mine.filter { $0.outcome == .succeeded }.count), "succeeded \(sequence)")
        }
        expect(try tables.head()?.sequence ?? 0 == head, "head")
        expect(try tables.orderedThrough() == ordered, "ordered")
        return faults
    }
}
