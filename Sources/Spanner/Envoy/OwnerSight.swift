public import CRDT

/// Whom an envoy takes orders from, as far as it has seen, and how it judges whoever answers (P2, P6).
///
/// Once it was shown the register of its slice it follows proofs alone: what bolts say of numbers counts for nothing.
/// It counts the owners that it followed itself, so that the machine's fence grows with each, whatever order bolts
/// heard things in, and whatever they forgot. Before that, while no topology is in force, all there is are numbers, and
/// the number of an owner is 1. A machine that is admitted while a topology is in force is told that register with its
/// admission, and never has to believe numbers.
public struct OwnerSight: Hashable, Sendable {
    /// How many owners it followed, and the epoch of the last: never goes back.
    public private(set) var fence: EnvoyMachine.Fence
    /// The register of its slice and the owner's epoch; nil until it is shown one.
    public private(set) var freshness: SliceFreshness?
    /// The key that signed for this register and epoch: the reigning bolt's. Nil where none was seen to.
    public private(set) var key: VerificationKey?

    /// Why an answer is not obeyed. What was seen stays as it was.
    public enum Refusal: Error, Hashable, Sendable {
        /// Under an epoch, or a register, that a later one took over from.
        case superseded
        /// It says more than was seen, and nothing proves it.
        case unproved
        /// Its proof does not verify.
        case forged
    }

    /// What becomes of an answer that was not refused.
    public enum Verdict: Hashable, Sendable {
        /// It is of the owner, under this authority.
        case obey(EnvoyMachine.Fence)
        /// It proved how the register went on and is not of the owner: nothing of it is obeyed, and the next is asked.
        case ledOn
    }

    /// What is remembered; at first nothing.
    public init(
        fence: EnvoyMachine.Fence = EnvoyMachine.Fence(register: 0, epoch: 0), freshness: SliceFreshness? = nil,
        key: VerificationKey? = nil
    ) {
        (self.fence, self.freshness, self.key) = (fence, freshness, key)
    }

    /// Takes the register that a machine was admitted with, from whoever admitted it: before any bolt answers. Signed
    /// by its owner, or, where a bolt of another partition admitted it, as that one knows it, without an epoch: then
    /// the owner has yet to prove itself. Nothing changes where a register is known already, or where it is refused.
    public mutating func begin(
        with voucher: SliceVoucher, mesh: MeshID, witness: some SliceWitness
    ) throws(Refusal) {
        let signer = voucher.ownerKey(in: mesh, witness: witness)
        if voucher.signature == nil {
            guard voucher.claim.epoch == PartitionEpoch.none else { throw .unproved }
        } else {
            guard signer != nil else { throw .forged }
        }
        guard freshness == nil else { return }
        countOwner(in: voucher.claim.epoch)
        (freshness, key) = (SliceFreshness(register: voucher.claim.register, epoch: voucher.claim.epoch), signer)
    }

    private mutating func countOwner(in epoch: PartitionEpoch) {
        let count = max(1, fence.register)
        fence = EnvoyMachine.Fence(register: count == .max ? count : count + 1, epoch: epoch.number)
    }

    /// Judges an answer by what it says of its owner: its number and epoch, and the voucher where it brings one.
    /// `partition` is that of the bolt which gave the answer, its own or passed on, as its certificate says.
    public mutating func judge(
        number: UInt64, epoch: UInt64, voucher: SliceVoucher?, from partition: PartitionName?, mesh: MeshID,
        witness: some SliceWitness
    ) throws(Refusal) -> Verdict {
        guard let voucher else { return .obey(try unvouched(number: number, epoch: epoch)) }
        let claim = voucher.claim
        let signer = voucher.ownerKey(in: mesh, witness: witness)
        if voucher.signature == nil {
            // Unsigned it may lead on, along transitions that prove themselves, and no more.
            guard freshness != nil, !claim.path.isEmpty, claim.epoch == PartitionEpoch.none else { throw .unproved }
        } else {
            guard claim.epoch.number == epoch, signer != nil else { throw .forged }
        }
        let next = try follow(voucher, from: partition, mesh: mesh, witness: witness)
        if next.register == freshness?.register {
            fence.epoch = max(fence.epoch, next.epoch.number)
        } else {
            countOwner(in: next.epoch)
        }
        (freshness, key) = (next, signer)
        return voucher.signature == nil ? .ledOn : .obey(fence)
    }

    /// Whether what an answer calls safe is the owner's word: given by a bolt of the owner's partition, as its
    /// certificate says, or signed by the reigning one where another passed it on. Before there are slices nobody can
    /// know, and everybody is believed.
    public func bears(
        _ receipt: OwnerReceipt, signature: [UInt8]?, from partition: PartitionName?, mesh: MeshID,
        witness: some SliceWitness
    ) -> Bool {
        guard let freshness else { return true }
        if let partition, partition == freshness.register.owner { return true }
        guard let signature, signature.count == SliceLimits.signatureBytes, let key,
            receipt.register == freshness.register.hash, receipt.epoch == freshness.epoch.number
        else { return false }
        return witness.verify(signature: signature, over: receipt.signedBytes(in: mesh), by: key)
    }

    /// An answer without a voucher says that nothing is new.
    private mutating func unvouched(number: UInt64, epoch: UInt64) throws(Refusal) -> EnvoyMachine.Fence {
        if let freshness {
            guard epoch >= freshness.epoch.number else { throw .superseded }
            guard epoch == freshness.epoch.number else { throw .unproved }
            return fence
        }
        guard number <= max(1, fence.register) else { throw .unproved }
        let told = EnvoyMachine.Fence(register: number, epoch: epoch)
        guard told >= fence else { throw .superseded }
        fence = told
        return told
    }

    private func follow(
        _ voucher: SliceVoucher, from partition: PartitionName?, mesh: MeshID, witness: some SliceWitness
    ) throws(Refusal) -> SliceFreshness {
        let claim = voucher.claim
        guard var known = freshness else { return SliceFreshness(register: claim.register, epoch: claim.epoch) }
        do throws(SliceFreshness.Refusal) {
            try known.accept(claim, mesh: mesh, witness: witness)
            return known
        } catch {
            switch error {
            case .otherSlice:
                // It was given another group, or its group began anew: whoever served it says so, by its own signature
                // or by passing on what the new owner signed.
                guard voucher.signature != nil,
                    claim.register.owner == known.register.owner || partition == known.register.owner
                else { throw Refusal.unproved }
                return SliceFreshness(register: claim.register, epoch: claim.epoch)
            case .olderEpoch, .olderRegister: throw Refusal.superseded
            case .unproved: throw Refusal.unproved
            case .forged: throw Refusal.forged
            }
        }
    }
}

extension OwnerSight: CanonicalValue {
    /// The fence; register and epoch, where there is one; the key.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(fence.register)
        encoder.integer(fence.epoch)
        encoder.optional(freshness) { encoder, freshness in
            freshness.register.encode(to: &encoder)
            freshness.epoch.encode(to: &encoder)
        }
        encoder.optional(key) { encoder, key in encoder.fixed(key.bytes) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let register = try decoder.integer()
        fence = EnvoyMachine.Fence(register: register, epoch: try decoder.integer())
        freshness = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let register = try SliceRegister(from: &decoder)
            return SliceFreshness(register: register, epoch: try PartitionEpoch(from: &decoder))
        }
        key = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            VerificationKey(try decoder.fixed())
        }
    }
}
