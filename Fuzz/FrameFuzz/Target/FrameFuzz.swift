import CRDT
import Spanner
import SpannerTestKit
import SpannerWire

/// A peer's bytes: cut into frames whole and in two parts, written again, and fed to a machine that has a link.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrames(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = cut(bytes[...])
    guard let first = bytes.first else { return 0 }
    // However the bytes arrive, the messages are the same.
    let middle = Int(first) * count / 256
    precondition(cut(bytes[..<middle]).messages == Array(whole.messages.prefix(cut(bytes[..<middle]).messages.count)))
    for message in whole.messages { checkForm(message) }
    Partner.shared.listen(to: whole.messages)
    return 0
}

private func cut(_ bytes: ArraySlice<UInt8>) -> (messages: [PeerMessage], error: FrameError?) {
    var messages: [PeerMessage] = []
    var rest = bytes
    do throws(FrameError) {
        while let (message, length) = try FrameCutter.next(in: rest) {
            messages.append(message)
            rest = rest.dropFirst(length)
        }
        return (messages, nil)
    } catch {
        return (messages, error)
    }
}

/// What was read is written and read again as the same.
private func checkForm(_ message: PeerMessage) {
    let body = message.body
    do throws(DecodingFailure) {
        let again = try PeerMessage(kind: message.kind, body: body[...])
        precondition(again == message, "written and read again it is another: \(again)")
    } catch {
        preconditionFailure("what was read cannot be written: \(error)")
    }
}

/// A bolt with one peer, who says what the fuzzer says.
private struct Partner {
    let machine: GossipMachine
    let peer: TestIdentity

    static let shared = Partner()

    init() {
        let (own, peer) = (Partner.bolt(0), Partner.bolt(1))
        self.peer = peer
        let replica = own.replica(7)
        var machine = GossipMachine(
            own: GossipSelf(
                mesh: TestIdentity.mesh, bolt: PrincipalID(high: 1, low: 0), tlsKey: own.author.tlsKey,
                replica: replica, chain: own.chain),
            roster: Partner.roster([own, peer]), witness: TestWitness(), signer: own.signer, seed: 1)
        _ = machine.step(.started)
        let identity = PeerIdentity(tlsKey: peer.author.tlsKey, signingKey: peer.author.signingKey)
        _ = machine.step(.linkUp(LinkID(1), identity, dialed: false))
        self.machine = machine
    }

    private static func bolt(_ number: Int) -> TestIdentity {
        TestIdentity(
            .bolt(PartitionName(checked: "p\(number)"), BoltName(checked: "b\(number)")), seed: UInt64(number))
    }

    private static func roster(_ bolts: [TestIdentity]) -> Roster {
        var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        var payloads: [RosterEvent.Payload] = [.open(chain: TestIdentity.root.chain)]
        for (number, bolt) in bolts.enumerated() {
            guard let name = PrincipalName("b\(number).p\(number)") else { continue }
            var admission = Admission(
                role: .bolt, id: PrincipalID(high: 1, low: UInt64(number)), name: name, tlsKey: bolt.author.tlsKey)
            admission.signingKey = bolt.author.signingKey
            admission.partition = PartitionName(checked: "p\(number)")
            admission.address = "b\(number):7440"
            payloads.append(.act(TestIdentity.root.act(.admit(admission), nonce: UInt64(number))))
        }
        let root = TestIdentity.root.replica(0)
        let builder = RunBuilder(
            replica: root, mesh: TestIdentity.mesh, witness: TestWitness(), signer: TestIdentity.root.signer)
        do throws(RosterDraftError) {
            let run = try builder.build(payloads, at: WallTime(milliseconds: 0), after: roster.head(of: root))
            guard case .success(let checked) = roster.check(run) else { preconditionFailure("the genesis is bad") }
            roster.apply(checked)
        } catch {
            preconditionFailure("the genesis cannot be written: \(error)")
        }
        return roster
    }

    /// Whatever is said, the machine lives, and what it answers fits into frames.
    func listen(to messages: [PeerMessage]) {
        var machine = machine
        let hello = GossipMessage.Hello(
            versionMin: 1, versionMax: 1, mesh: TestIdentity.mesh, replica: peer.replica(9),
            bolt: PrincipalID(high: 1, low: 1), features: 0)
        var events: [GossipMachine.Event] = [.received(.hello(hello), on: LinkID(1))]
        for case .gossip(let message) in messages { events.append(.received(message, on: LinkID(1))) }
        events += [.linkDown(LinkID(1))]
        for event in events {
            var waiting = [event]
            while let next = waiting.popLast() {
                for effect in machine.step(next) {
                    switch effect {
                    case .persist(let batch, _): waiting.append(.persisted(batch))
                    case .load(let load, _, _, _): waiting.append(.loaded(load, []))
                    case .send(let message, _): checkForm(.gossip(message))
                    case .freeze: waiting.append(.freezeFailed)
                    case .takeNewIncarnation, .close, .schedule, .complete, .notify: break
                    }
                }
            }
        }
    }
}
