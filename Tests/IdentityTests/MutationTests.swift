import CRDT
import Spanner
import Testing

@testable import Identity

/// Any change of any byte is refused, and nothing traps: R5, P2 of the threat list ("peer input never traps").
@Suite struct MutationTests {
    let mesh: TestMesh

    init() throws { mesh = try TestMesh.shared.get() }

    @Test func everyByteOfALeafIsCovered() throws {
        let chain = mesh.bolt.credential.chain.map(\.der)
        for index in chain[0].indices {
            for mask in [0x01, 0x20, 0x80, 0xFF] as [UInt8] {
                var leaf = chain[0]
                leaf[index] ^= mask
                #expect(mesh.reason([leaf] + chain.dropFirst()) != nil, "byte \(index) xor \(mask)")
            }
        }
        #expect(mesh.verifier.verifyAuthor(chain).isSuccess)
        for index in chain[0].indices {
            var leaf = chain[0]
            leaf[index] ^= 0x04
            #expect(!mesh.verifier.verifyAuthor([leaf] + chain.dropFirst()).isSuccess, "byte \(index)")
        }
    }

    @Test func everyByteOfAnIssuingCAIsCovered() throws {
        let chain = mesh.bolt.credential.chain.map(\.der)
        for index in chain[1].indices {
            var ca = chain[1]
            ca[index] ^= 0x10
            #expect(mesh.reason([chain[0], ca, chain[2]]) != nil, "byte \(index)")
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let chain = mesh.envoy.credential.chain.map(\.der)
        for count in chain[0].indices {
            #expect(mesh.reason([Array(chain[0].prefix(count)), chain[1]]) == .malformed)
        }
    }

    @Test func everyByteOfARequestIsCovered() throws {
        let request = try CertificateRequest(key: TLSKey.generate()).der
        #expect(try CertificateRequest(der: request).der == request)
        for index in request.indices {
            for mask in [0x01, 0x80] as [UInt8] {
                var changed = request
                changed[index] ^= mask
                #expect(code { _ = try CertificateRequest(der: changed) } != nil, "byte \(index) xor \(mask)")
            }
            #expect(code { _ = try CertificateRequest(der: Array(request.prefix(index))) } != nil)
        }
        let huge = request + [UInt8](repeating: 0, count: IdentityLimits.requestBytesMax)
        #expect(code { _ = try CertificateRequest(der: huge) } == .tooLarge)
    }

    @Test func randomSplicesAreRefused() throws {
        let seed: UInt64 = 0xB017
        var random = SeededGenerator(seed: seed)
        let pool = (mesh.bolt.credential.chain + mesh.envoy.credential.chain + mesh.operatorIdentity.credential.chain)
            .map(\.der)
        for round in 0..<2_000 {
            let first = pool[Int(random.next() % UInt64(pool.count))]
            let second = pool[Int(random.next() % UInt64(pool.count))]
            let cut = Int(random.next() % UInt64(first.count))
            let resume = Int(random.next() % UInt64(second.count))
            let spliced = Array(first.prefix(cut)) + Array(second.dropFirst(resume))
            if pool.contains(spliced) { continue }
            #expect(
                mesh.reason([spliced, mesh.authority.boltsCA.der]) != nil, "seed \(seed), round \(round)")
        }
    }
}

extension Result {
    var isSuccess: Bool {
        switch self {
        case .success: true
        case .failure: false
        }
    }
}
