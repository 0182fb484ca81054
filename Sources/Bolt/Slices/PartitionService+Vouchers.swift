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
        if checkIn.seen != nil { receipt.bolts = checkIn.bolts.flatMap { signed($0, in: epoch) } }
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

    /// The bolts that an envoy is told of, signed: once for a list and an epoch. One whose check-in was routed before
    /// the last change is told what followed: its list would come under a later number than that, and keep it out.
    private func signed(_ bolts: EnvoyBolts, in epoch: PartitionEpoch) -> SignedEnvoyBolts? {
        let last = desk.bolts
        let latest = last.flatMap { $0.bolts.change > bolts.change ? $0.bolts : nil } ?? bolts
        guard let list = latest.list, let context = slices else { return nil }
        if let last, last.epoch == epoch, last.bolts.digest == latest.digest {
            if last.bolts.change < latest.change { desk.bolts?.bolts = latest }
            return SignedEnvoyBolts(json: latest.json, number: last.number, signature: last.signature)
        }
        // By the clock, so that it grows over restarts too; an agent goes on with what it has where that went back.
        let number = max(WallClock.now().milliseconds, (last?.number ?? 0) &+ 1)
        let bytes = SignedBoltList.signedBytes(
            list, owner: context.board.own, epoch: epoch.number, number: number, in: context.board.mesh)
        let signature = context.signer.sign(bytes)
        desk.bolts = HandoffDesk.SignedBolts(bolts: latest, epoch: epoch, number: number, signature: signature)
        return SignedEnvoyBolts(json: latest.json, number: number, signature: signature)
    }
}
