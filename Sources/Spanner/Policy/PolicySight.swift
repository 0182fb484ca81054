public import CRDT

/// What an envoy took of its owner's policy, and what it heard of it: kept durably before anything is done with it, so
/// that nothing comes back that is older (P2, S8).
///
/// Within a register of the envoy's slice a partition's word goes forward only: by epoch, then by sequence; versions,
/// orders and beacons each by their own. Where the register goes on to another owner, that owner's numbers begin anew.
/// What was heard of earlier owners is remembered, so that what one of them signed in an earlier reign is not taken in
/// a later one. No clock decides what is taken.
public struct PolicySight: Hashable, Sendable {
    /// The version in force here; nil before the first.
    public private(set) var accepted: PolicyMark?
    /// How long it may be enforced, as its leaf says.
    private var age: PolicyAge?
    /// By when they were heard of, the last first; at most `PolicyLimits.sightPartitionsMax`, one a partition.
    private var lines: [PolicyLine] = []

    /// What an envoy remembers at first: nothing.
    public init() {}

    /// Takes a version, or refuses it. The one in force, given again, is taken again.
    ///
    /// `owner` and `register` are what the envoy's `OwnerSight` says of its slice, nil before there are slices; `reign`
    /// is the owner's epoch there. With `reign`, what the owner signed before it lost the slice and got it back stays
    /// refused; without it, a register that went on lets an owner begin anew.
    public mutating func accept(
        _ grant: PolicyGrant, of envoy: PrincipalID, owner: PartitionName?, register: Bytes32?,
        reign: PartitionEpoch? = nil, mesh: MeshID, witness: some SliceWitness
    ) throws(PolicyRefusal) {
        let head = grant.signed.head
        guard grant.leaf.envoy == envoy else { throw .otherEnvoy }
        var line = try line(of: head.partition, owner: owner, register: register, reign: reign)
        guard grant.isAuthentic(in: mesh, witness: witness) else { throw .forged }
        let version = PolicyLine.Version(
            place: PolicyPlace(epoch: head.epoch, sequence: head.sequence), root: head.root)
        if let last = line.version {
            guard head.epoch >= last.place.epoch else { throw .superseded }
            // Again, as long as it is in force: not after another owner's took its place.
            let isInForce = version == last && accepted?.partition == head.partition
            guard version.place > last.place || isInForce else { throw .replayed }
        }
        line.version = version
        line.reign = max(line.reign, head.epoch)
        accepted = PolicyMark(
            register: line.register, partition: head.partition, epoch: head.epoch, sequence: head.sequence,
            leaf: grant.leaf.hash(by: witness))
        age = PolicyAge(made: head.made, terms: grant.leaf.terms)
        keep(line)
    }

    /// Takes note that the owner lives. One that is not after the last is refused as a replay: it changes nothing.
    public mutating func note(
        _ beacon: SignedPolicyBeacon, owner: PartitionName?, register: Bytes32?, reign: PartitionEpoch? = nil,
        mesh: MeshID, witness: some SliceWitness
    ) throws(PolicyRefusal) {
        let told = beacon.beacon
        var line = try line(of: told.partition, owner: owner, register: register, reign: reign)
        guard beacon.isAuthentic(in: mesh, witness: witness) else { throw .forged }
        guard told.epoch >= max(line.reign, reign ?? line.reign) else { throw .superseded }
        if let last = line.beacon, last.epoch == told.epoch {
            guard told.at > last.at, told.sequence >= last.sequence else { throw .replayed }
        }
        line.beacon = told
        line.reign = told.epoch
        keep(line)
    }

    /// Takes an order, once; to be kept durably before it is carried out. One that names an earlier end than `now` is
    /// refused; where the clock is not to be believed, `now` is nil and nothing hangs on it.
    public mutating func obey(
        _ order: SignedPolicyOrder, of envoy: PrincipalID, owner: PartitionName?, register: Bytes32?,
        reign: PartitionEpoch? = nil, mesh: MeshID, witness: some SliceWitness, now: WallTime?
    ) throws(PolicyRefusal) {
        let told = order.order
        guard told.envoy == envoy else { throw .otherEnvoy }
        var line = try line(of: told.partition, owner: owner, register: register, reign: reign)
        guard order.isAuthentic(in: mesh, witness: witness) else { throw .forged }
        guard told.epoch >= max(line.reign, reign ?? line.reign) else { throw .superseded }
        let place = PolicyPlace(epoch: told.epoch, sequence: told.sequence)
        if let last = line.order, place <= last { throw .replayed }
        if let now, now > told.notAfter { throw .expired }
        line.order = place
        line.reign = told.epoch
        keep(line)
    }

    /// How old what is enforced is, at an instant of this machine's clock: since whoever made it was heard of, or the
    /// owner of now. An owner that the slice went on to gives nothing anew where it has the same for this envoy.
    public func standing(now: WallTime) -> PolicyStanding {
        guard let age, let since else { return .none }
        return age.terms.standing(now: now, since: since)
    }

    /// From when on the age of what is in force counts: since whoever made it was heard of, or the owner of now; at
    /// the earliest since it was made. Nil before the first.
    public var since: WallTime? {
        guard let accepted, let age else { return nil }
        let line = lines.first { $0.partition == accepted.partition }
        return [age.made, line?.beacon?.at, lines.first?.beacon?.at].compactMap { $0 }.max()
    }

    /// The last beacon of the partition heard of last: fresh until its `notAfter`. Nil where that one sent none.
    public var beacon: PolicyBeacon? { lines.first?.beacon }

    /// The sequence of the last order obeyed of a partition; 0 where none was.
    public func obeyed(of partition: PartitionName) -> UInt64 {
        lines.first { $0.partition == partition }?.order?.sequence ?? 0
    }

    // MARK: - Inside

    /// What was heard of a partition, as far as it counts under this register.
    private func line(
        of partition: PartitionName, owner: PartitionName?, register: Bytes32?, reign: PartitionEpoch?
    ) throws(PolicyRefusal) -> PolicyLine {
        if let owner {
            guard owner == partition else { throw .otherPartition }
        } else if let last = lines.first, last.register != nil {
            // Slices do not go away: who has seen one takes nothing of a partition that no register names.
            guard last.partition == partition else { throw .otherPartition }
        }
        guard var line = lines.first(where: { $0.partition == partition }) else {
            return PolicyLine(partition, register: register)
        }
        guard let register, register != line.register else { return line }
        if line.register != nil {
            // Another reign over the slice: a partition that was made anew counts its epochs anew.
            let goesOn = reign.map { $0 >= line.reign } ?? false
            if !goesOn { line = PolicyLine(partition, register: register) }
        }
        line.register = register
        return line
    }

    /// Keeps what was heard in front, and forgets who was heard of longest ago, but for whose version is in force.
    private mutating func keep(_ line: PolicyLine) {
        lines.removeAll { $0.partition == line.partition }
        lines.insert(line, at: 0)
        guard lines.count > PolicyLimits.sightPartitionsMax else { return }
        let place = lines.lastIndex { $0.partition != accepted?.partition && $0.partition != line.partition }
        lines.remove(at: place ?? lines.count - 1)
    }
}

extension PolicySight: CanonicalValue {
    /// The mark, its age, then what was heard of partitions.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(accepted) { encoder, mark in mark.encode(to: &encoder) }
        encoder.optional(age) { encoder, age in age.encode(to: &encoder) }
        encoder.list(lines) { encoder, line in line.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        accepted = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try PolicyMark(from: &decoder)
        }
        age = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try PolicyAge(from: &decoder)
        }
        lines = try decoder.list("partitions", limit: PolicyLimits.sightPartitionsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try PolicyLine(from: &decoder)
        }
    }
}
