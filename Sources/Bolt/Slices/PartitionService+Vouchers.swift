internal import BoltAPI
internal import CRDT
internal import Spanner

/// An owner proves itself to envoys that have not seen it yet: signed once for a slice and an epoch, whoever asks.
extension PartitionService {
    /// Says in a receipt who this owner is, as far as the envoy needs it.
    func prove(
        _ receipt: inout CheckInReceipt, of checkIn: PendingCheckIn, _ walk: SliceWalk, in epoch: PartitionEpoch
    ) {
        receipt.register = OwnershipBoard.number(of: walk)
        receipt.voucher = voucher(walk, in: epoch, for: checkIn.seen)
        guard checkIn.isPassedOn, checkIn.seen != nil, let context = slices else { return }
        let told = OwnerReceipt.digest(
            firstHeld: checkIn.firstHeld, results: checkIn.results, by: context.board.witness)
        let said = OwnerReceipt(
            register: walk.register.hash, epoch: receipt.epoch, queue: checkIn.queue, told: told,
            storedThrough: receipt.storedThrough, releaseThrough: receipt.releaseThrough)
        receipt.signature = context.signer.sign(said.signedBytes(in: context.board.mesh))
    }

    /// What a machine is admitted with: the register of its slice, signed where this bolt reigns over it. Of another
    /// partition's it is what this bolt knows; that owner proves itself when the machine first reports.
    func admission(_ walk: SliceWalk) -> [UInt8] {
        if let context = slices, walk.register.owner == context.board.own, machine.role.reigns, broken == nil {
            let signed = voucher(walk, in: machine.tip.epoch, for: OwnerMark(register: 0, epoch: 0))
            if let signed { return signed }
        }
        return SliceVoucher(SliceClaim(register: walk.register, epoch: .none), signature: nil).canonicalBytes
    }

    /// What proves this partition to an envoy that remembers `seen`: nil where it saw this register and epoch already,
    /// and where it does not say what it saw.
    func voucher(_ walk: SliceWalk, in epoch: PartitionEpoch, for seen: OwnerMark?) -> [UInt8]? {
        guard let seen, let context = slices else { return nil }
        let register = walk.register
        if seen.hash == register.hash, seen.epoch == epoch.number { return nil }
        return context.board.voucher(
            walk, epoch: epoch, remembered: seen.hash, signature: signature(under: register, epoch, context))
    }

    private func signature(
        under register: SliceRegister, _ epoch: PartitionEpoch, _ context: SliceContext
    ) -> SliceVoucher.Signature {
        if let known = desk.vouchers[register.slice], known.register == register.hash, known.epoch == epoch {
            return known.signature
        }
        let bytes = context.signer.sign(SliceVoucher.signedBytes(register, epoch, in: context.board.mesh))
        let signature = SliceVoucher.Signature(warrant: context.warrant, bytes: bytes)
        desk.vouchers[register.slice] = HandoffDesk.SignedClaim(
            register: register.hash, epoch: epoch, signature: signature)
        return signature
    }
}
