import CRDT
import Identity
import Spanner

/// The first byte says where the rest goes; every door at which a stranger's bytes arrive is one of them.
private enum Door: UInt8, CaseIterable {
    case certificate, chain, author, request, identityRequest, grant, pem, token, name, mutation
}

private struct Bench {
    let verifier: PeerVerifier
    let good: [[UInt8]]
    let time: UnixTime

    static let shared: Bench = {
        do {
            let good = Fixture.boltChain.map { text in
                guard let bytes = [UInt8](hexDigits: text) else { preconditionFailure("the fixture is broken") }
                return bytes
            }
            let root = try Certificate(der: good[2])
            let bench = Bench(
                verifier: try PeerVerifier(roots: [root]), good: good,
                time: root.validity.notBefore.adding(.seconds(600)))
            precondition(bench.accepts(good), "the fixture does not verify")
            return bench
        } catch { preconditionFailure("the fixture does not load: \(error)") }
    }()

    func accepts(_ chain: [[UInt8]]) -> Bool {
        var isAccepted = false
        for purpose in PeerPurpose.allCases {
            let result = verifier.verify(chain, at: time, purpose: purpose, roles: Set(PrincipalRole.allCases))
            if case .success = result { isAccepted = true }
        }
        return isAccepted
    }

    /// Changes bytes of the good leaf; whatever is changed, it is no peer any more.
    func mutate(_ input: [UInt8]) {
        var leaf = good[0]
        for start in stride(from: 0, to: input.count - 2, by: 3) {
            let place = (Int(input[start]) << 8 | Int(input[start + 1])) % leaf.count
            leaf[place] ^= input[start + 2]
        }
        let chain = [leaf, good[1], good[2]]
        let isAccepted = accepts(chain)
        precondition(isAccepted == (leaf == good[0]), "a changed certificate was accepted")
        let author = RosterWitness(verifier: verifier).author(certifiedBy: chain)
        precondition((author != nil) == (leaf == good[0]), "a changed certificate was taken for an author's")
    }
}

/// Certificates with a two-byte length in front of each; at most six.
private func chain(_ input: [UInt8]) -> [[UInt8]] {
    var rest = input[...]
    var chain: [[UInt8]] = []
    while chain.count < 6, rest.count >= 2 {
        let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
        rest = rest.dropFirst(2)
        chain.append(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return chain
}

private func open(_ door: Door, _ input: [UInt8]) {
    switch door {
    case .certificate:
        guard let certificate = try? Certificate(der: input) else { return }
        precondition(certificate.der == input && !certificate.description.isEmpty, "not the certificate that came in")
    case .chain: _ = Bench.shared.accepts(chain(input))
    case .author: _ = RosterWitness(verifier: Bench.shared.verifier).author(certifiedBy: chain(input))
    case .request: _ = try? CertificateRequest(der: input)
    case .identityRequest:
        guard let request = try? IdentityRequest(pem: input) else { return }
        precondition((try? IdentityRequest(pem: request.pem)) == request, "a request does not survive writing")
    case .grant: _ = try? BoltGrant(pem: input)
    case .pem: _ = try? Certificate.list(pem: input, what: "input")
    case .token:
        guard let token = try? JoinToken(String(decoding: input, as: UTF8.self)) else { return }
        precondition((try? JoinToken(token.text)) == token, "a token does not survive writing")
    case .name:
        let text = String(decoding: input, as: UTF8.self)
        guard let id = SPIFFEID(text) else { return }
        precondition(id.description == text, "two texts of one identity")
    case .mutation: Bench.shared.mutate(input)
    }
}

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let door = Door(rawValue: input[0]) else { return -1 }
    open(door, Array(input.dropFirst()))
    return 0
}
