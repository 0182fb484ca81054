import CRDT
import Spanner
import SpannerTestKit

/// Two partitions, some envoys, and what the ones sign for the others.
struct PolicyWorld {
    static let mesh = TestIdentity.mesh
    let witness = TestWitness()
    let north = TestPartition(PartitionName(checked: "north"))
    let south = TestPartition(PartitionName(checked: "south"))

    static func envoy(_ number: UInt64) -> PrincipalID { PrincipalID(high: 7, low: number) }
    static func register(_ number: UInt8) -> Bytes32 { TestWitness.digest([0xAA, number]) }

    static func epoch(_ number: UInt64) -> PartitionEpoch {
        PartitionEpoch(number: number, minter: ReplicaID(key: TestWitness.digest([3]), incarnation: number))
    }

    func leaf(_ envoy: UInt64, body: UInt64 = 0, terms: PolicyTerms = PolicyTerms()) -> PolicyLeaf {
        PolicyLeaf(
            envoy: Self.envoy(envoy), body: TestWitness.digest(Array("body \(envoy) \(body)".utf8)),
            box: body % 2 == 0 ? .zero : TestWitness.digest(Array("box \(envoy) \(body)".utf8)), terms: terms)
    }

    /// A tree of so many envoys, whose bodies hang on the version.
    func tree(_ count: UInt64 = 5, version: UInt64 = 0, terms: PolicyTerms = PolicyTerms()) -> PolicyTree {
        PolicyTree((0..<count).map { leaf($0, body: version, terms: terms) }, by: witness)
    }

    func sign(
        _ tree: PolicyTree, epoch: UInt64 = 1, sequence: UInt64 = 1, by partition: TestPartition? = nil,
        as name: PartitionName? = nil, made: UInt64 = 1_000_000
    ) -> SignedPolicyHead {
        let partition = partition ?? north
        let head = PolicyHead(
            partition: name ?? partition.name, epoch: Self.epoch(epoch), sequence: sequence, root: tree.root,
            count: UInt64(tree.count), revision: "f00d", made: WallTime(milliseconds: made))
        return SignedPolicyHead(
            head, warrant: partition.warrant, signature: partition.signer.sign(head.signedBytes(in: Self.mesh)))
    }

    /// What envoy 2 is given of a version.
    func grant(
        epoch: UInt64 = 1, sequence: UInt64 = 1, by partition: TestPartition? = nil, of envoy: UInt64 = 2,
        count: UInt64 = 5, body: UInt64? = nil, maxAge: UInt64? = nil, expiry: PolicyExpiry = .enforceLast,
        made: UInt64 = 1_000_000
    ) -> PolicyGrant? {
        let terms = PolicyTerms(maxAgeSeconds: maxAge, expiry: expiry)
        let tree = tree(count, version: body ?? sequence + 100 * epoch, terms: terms)
        return PolicyGrant(
            sign(tree, epoch: epoch, sequence: sequence, by: partition, made: made), of: Self.envoy(envoy), in: tree)
    }

    func beacon(epoch: UInt64 = 1, sequence: UInt64 = 1, at: UInt64, by partition: TestPartition? = nil)
        -> SignedPolicyBeacon
    {
        let partition = partition ?? north
        let beacon = PolicyBeacon(
            partition: partition.name, epoch: Self.epoch(epoch), sequence: sequence, at: WallTime(milliseconds: at))
        return SignedPolicyBeacon(
            beacon, warrant: partition.warrant, signature: partition.signer.sign(beacon.signedBytes(in: Self.mesh)))
    }

    func order(
        epoch: UInt64 = 1, sequence: UInt64 = 1, to envoy: UInt64 = 2, notAfter: UInt64 = 2_000_000,
        by partition: TestPartition? = nil
    ) -> SignedPolicyOrder {
        let partition = partition ?? north
        let order = PolicyOrder(
            partition: partition.name, epoch: Self.epoch(epoch), sequence: sequence, envoy: Self.envoy(envoy),
            kind: .applyNow, notAfter: WallTime(milliseconds: notAfter))
        return SignedPolicyOrder(
            order, warrant: partition.warrant, signature: partition.signer.sign(order.signedBytes(in: Self.mesh)))
    }
}

/// What envoy 2 remembers, and whom it holds for its owner.
struct PolicyEnvoy {
    let world = PolicyWorld()
    var sight = PolicySight()
    var owner: PartitionName?
    var register: Bytes32?
    var reign: PartitionEpoch?

    init(owner: TestPartition? = PolicyWorld().north, register: UInt8? = 1, reign: UInt64? = 1) {
        self.owner = owner?.name
        self.register = register.map { PolicyWorld.register($0) }
        self.reign = reign.map { PolicyWorld.epoch($0) }
    }

    /// Its slice goes on to another register.
    mutating func go(to owner: TestPartition, register: UInt8, reign: UInt64?) {
        self.owner = owner.name
        self.register = PolicyWorld.register(register)
        self.reign = reign.map { PolicyWorld.epoch($0) }
    }

    /// Nil where it took it.
    mutating func take(_ grant: PolicyGrant?) -> PolicyRefusal? {
        guard let grant else { return .malformed(.truncated) }
        do throws(PolicyRefusal) {
            try sight.accept(
                grant, of: PolicyWorld.envoy(2), owner: owner, register: register, reign: reign,
                mesh: PolicyWorld.mesh, witness: world.witness)
            return nil
        } catch {
            return error
        }
    }

    mutating func hear(_ beacon: SignedPolicyBeacon) -> PolicyRefusal? {
        do throws(PolicyRefusal) {
            try sight.note(
                beacon, owner: owner, register: register, reign: reign, mesh: PolicyWorld.mesh,
                witness: world.witness)
            return nil
        } catch {
            return error
        }
    }

    mutating func obey(_ order: SignedPolicyOrder, now: UInt64? = nil) -> PolicyRefusal? {
        do throws(PolicyRefusal) {
            try sight.obey(
                order, of: PolicyWorld.envoy(2), owner: owner, register: register, reign: reign,
                mesh: PolicyWorld.mesh, witness: world.witness, now: now.map { WallTime(milliseconds: $0) })
            return nil
        } catch {
            return error
        }
    }
}
