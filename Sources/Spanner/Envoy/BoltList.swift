public import CRDT

/// The bolts of a mesh and where they are reached, as an owner tells its envoys: in one order, so that it is signed
/// the same whoever wrote it down.
public struct BoltList: Hashable, Sendable {
    /// Bolts of one list.
    public static let boltsMax = 256
    /// Bytes of a bolt's address: a host's name, and its port.
    public static let addressBytesMax = 300

    /// One bolt.
    public struct Entry: Hashable, Comparable, Sendable {
        /// Its partition.
        public let partition: PartitionName
        /// Its name there.
        public let name: BoltName
        /// `host:port`.
        public let address: String

        /// A bolt and where it is.
        public init(partition: PartitionName, name: BoltName, address: String) {
            (self.partition, self.name, self.address) = (partition, name, address)
        }

        /// By partition, name and address; the address by its bytes.
        public static func < (left: Entry, right: Entry) -> Bool {
            if left.partition != right.partition { return left.partition < right.partition }
            if left.name != right.name { return left.name < right.name }
            return left.address.utf8.lexicographicallyPrecedes(right.address.utf8)
        }
    }

    /// 1...`boltsMax` bolts, ascending, each once.
    public let entries: [Entry]

    /// A list of bolts in any order; one that is named twice is in it once. Nil where there are none, more than
    /// `boltsMax`, or where an address is longer than `addressBytesMax`.
    public init?(_ entries: [Entry]) {
        guard (1...BoltList.boltsMax).contains(entries.count),
            entries.allSatisfy({ $0.address.utf8.count <= BoltList.addressBytesMax })
        else { return nil }
        var ascending: [Entry] = []
        for entry in entries.sorted() where ascending.last.map({ $0 < entry }) ?? true { ascending.append(entry) }
        self.entries = ascending
    }
}

extension BoltList: CanonicalValue {
    /// The bolts in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(entries) { encoder, entry in
            encoder.text(entry.partition.text)
            encoder.text(entry.name.text)
            encoder.text(entry.address)
        }
    }

    /// Reads what `encode(to:)` wrote: within the limits, ascending, each once.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let read = try decoder.list("bolts", limit: BoltList.boltsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let partition = PartitionName(try decoder.text("partition", limit: MeshNames.labelBytesMax))
            let name = BoltName(try decoder.text("bolt", limit: MeshNames.labelBytesMax))
            guard let partition, let name else { throw .invalid(what: "name of a bolt") }
            let address = try decoder.text("address", limit: BoltList.addressBytesMax)
            return Entry(partition: partition, name: name, address: address)
        }
        guard let list = BoltList(read), list.entries.elementsEqual(read) else {
            throw .invalid(what: "order of bolts")
        }
        self = list
    }
}

/// A list of bolts as the bolt that reigns over an envoy's owner signs it: the envoy keeps it in place of the one that
/// it had.
///
/// The signature is over the list and not over the envoy: all envoys of an owner are shown the same, and it is made
/// once for a list and an epoch.
public struct SignedBoltList: Hashable, Sendable {
    /// The partition whose word it is.
    public let owner: PartitionName
    /// The number of its epoch.
    public let epoch: UInt64
    /// Grows with each list of an epoch. Of two lists it says which is the later one, and no more.
    public let number: UInt64
    /// The bolts.
    public let list: BoltList
    /// The key that signed: the reigning bolt's, as a voucher proved it.
    public let key: VerificationKey
    /// `SliceLimits.signatureBytes` bytes over `signedBytes(_:owner:epoch:number:in:)`.
    public let signature: [UInt8]

    private static let domain = Array("bolt list v1".utf8)

    /// A list with a signature; nothing is verified.
    public init(
        _ list: BoltList, owner: PartitionName, epoch: UInt64, number: UInt64, key: VerificationKey, signature: [UInt8]
    ) {
        (self.list, self.owner, self.epoch, self.number) = (list, owner, epoch, number)
        (self.key, self.signature) = (key, signature)
    }

    /// What is signed: a domain, the mesh, the owner, epoch and number, the list.
    public static func signedBytes(
        _ list: BoltList, owner: PartitionName, epoch: UInt64, number: UInt64, in mesh: MeshID
    ) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 128 + list.entries.count * 48)
        encoder.raw(domain)
        encoder.fixed(mesh.bytes)
        encoder.text(owner.text)
        encoder.integer(epoch)
        encoder.integer(number)
        list.encode(to: &encoder)
        return encoder.bytes
    }

    /// Whether its key signed it. Whose key that is was judged when the list came.
    public func isAuthentic(in mesh: MeshID, witness: some Witness) -> Bool {
        let bytes = SignedBoltList.signedBytes(list, owner: owner, epoch: epoch, number: number, in: mesh)
        return signature.count == SliceLimits.signatureBytes
            && witness.verify(signature: signature, over: bytes, by: key)
    }

    /// Whether it may take the place of a list that is kept, where it was proved under what is followed now: of one
    /// reign no earlier list does. Which reign is in force is not for lists to say: a partition that was made anew may
    /// have lower epochs, and is believed under a register that proves it.
    public func follows(_ kept: SignedBoltList) -> Bool {
        let isOneReign = owner == kept.owner && epoch == kept.epoch && key == kept.key
        return !isOneReign || number >= kept.number
    }
}

extension SignedBoltList: CanonicalValue {
    /// Owner, epoch, number, the list, key and signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(owner.text)
        encoder.integer(epoch)
        encoder.integer(number)
        list.encode(to: &encoder)
        encoder.fixed(key.bytes)
        encoder.raw(signature)
    }

    /// Reads what `encode(to:)` wrote. Nothing is verified.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let owner = PartitionName(try decoder.text("partition", limit: MeshNames.labelBytesMax)) else {
            throw .invalid(what: "name of a partition")
        }
        self.owner = owner
        epoch = try decoder.integer()
        number = try decoder.integer()
        list = try BoltList(from: &decoder)
        key = VerificationKey(try decoder.fixed())
        signature = try decoder.raw(SliceLimits.signatureBytes)
    }
}

extension OwnerSight {
    /// The list of bolts that an answer brings, where it is the owner's word under the epoch that is followed: signed
    /// by the key that proved itself for it. Nil where it is not, and where no key was seen to: before there are
    /// slices, and before the owner of a new envoy proved itself.
    public func proved(
        _ list: BoltList, number: UInt64, signature: [UInt8], mesh: MeshID, witness: some Witness
    ) -> SignedBoltList? {
        guard let freshness, let key, signature.count == SliceLimits.signatureBytes else { return nil }
        let signed = SignedBoltList(
            list, owner: freshness.register.owner, epoch: freshness.epoch.number, number: number, key: key,
            signature: signature)
        return signed.isAuthentic(in: mesh, witness: witness) ? signed : nil
    }
}
