import BoltAPI
import CRDT
import Envoy
import Identity
import Spanner

/// Cryptography on paper: a partition's certificate is its name, its key is a hash of that, a signature hashes both.
struct PaperWitness: SliceWitness {
    static let mesh = MeshID(BLAKE2b.hash([1]))
    static var trust: OwnerTrust { OwnerTrust(mesh: mesh, witness: PaperWitness()) }

    func hash(_ bytes: [UInt8]) -> Bytes32 { BLAKE2b.hash(bytes) }

    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
        signature == PaperWitness.sign(message, key)
    }

    func author(certifiedBy chain: [[UInt8]]) -> Author? { nil }

    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool {
        false
    }

    func partition(certifiedBy chain: [[UInt8]]) -> PartitionAuthor? {
        guard let leaf = chain.first, let name = PartitionName(String(decoding: leaf, as: UTF8.self))
        else { return nil }
        return PartitionAuthor(partition: name, signingKey: PaperWitness.key(name))
    }

    static func key(_ name: PartitionName) -> VerificationKey {
        VerificationKey(BLAKE2b.hash(Array(name.text.utf8)))
    }

    static func sign(_ message: [UInt8], _ key: VerificationKey) -> [UInt8] {
        let hash = BLAKE2b.hash(key.bytes.bytes + message).bytes
        return hash + hash
    }

    static func warrant(_ name: PartitionName) -> SliceWarrant { SliceWarrant(chain: [Array(name.text.utf8)]) }

    // MARK: - What owners say

    /// A register that nobody handed on yet.
    static func first(_ owner: PartitionName) -> SliceRegister {
        SliceRegister(
            slice: SliceID(group: GroupID(BLAKE2b.hash([2])), index: 0), owner: owner, position: 0,
            hash: BLAKE2b.hash([3]))
    }

    static func epoch(_ number: UInt64) -> PartitionEpoch {
        PartitionEpoch(number: number, minter: ReplicaID(key: BLAKE2b.hash([4]), incarnation: 1))
    }

    /// The owner hands a register on, and the register that this begins.
    static func handOn(_ register: SliceRegister, to: PartitionName) -> (SignedTransition, SliceRegister)? {
        let point = LogPoint(epoch: epoch(1), position: 7, hash: BLAKE2b.hash([5]))
        let seal = SliceSeal(point: point, digest: BLAKE2b.hash([6]))
        guard let transition = SliceTransition(ending: register, to: to, cause: .handOn(seal: seal)) else { return nil }
        let signed = SignedTransition(
            transition, warrant: warrant(register.owner),
            signature: sign(transition.signedBytes(in: mesh), key(register.owner)))
        let next = SliceRegister(
            slice: register.slice, owner: to, position: transition.position, hash: transition.hash(by: PaperWitness()))
        return (signed, next)
    }

    /// What an answer brings of a register's owner.
    static func claim(_ register: SliceRegister, epoch number: UInt64, path: [SignedTransition] = []) -> Base64Bytes {
        let message = SliceVoucher.signedBytes(register, epoch(number), in: mesh)
        let signature = SliceVoucher.Signature(
            warrant: warrant(register.owner), bytes: sign(message, key(register.owner)))
        let claim = SliceClaim(register: register, epoch: epoch(number), path: path)
        return Base64Bytes(SliceVoucher(claim, signature: signature).canonicalBytes)
    }

    /// The owner's signature over a list of bolts, or, where it is another `signer`, that one's.
    static func bolts(
        _ bolts: [BoltAddress], of owner: PartitionName, epoch: UInt64, number: UInt64, by signer: PartitionName? = nil
    ) -> CheckInBoltsSignature? {
        guard let list = BoltList(bolts) else { return nil }
        let bytes = SignedBoltList.signedBytes(list, owner: owner, epoch: epoch, number: number, in: mesh)
        return CheckInBoltsSignature(
            number: number, signature: Base64Bytes(sign(bytes, key(signer ?? owner))))
    }

    /// The owner's signature over an answer that says that all of a report is stored and safe.
    static func signature(
        _ register: SliceRegister, epoch: UInt64, all: UInt64, of request: CheckInRequest
    ) -> Base64Bytes? {
        guard let queue = QueueID(bytes: request.queueIncarnation.bytes) else { return nil }
        let results = request.results.map { SequencedResult(sequence: $0.sequence, body: $0.body.bytes) }
        let told = OwnerReceipt.digest(firstHeld: request.firstHeld, results: results, by: PaperWitness())
        let receipt = OwnerReceipt(
            register: register.hash, epoch: epoch, queue: queue, told: told, storedThrough: all, releaseThrough: all)
        return Base64Bytes(sign(receipt.signedBytes(in: mesh), key(register.owner)))
    }
}
