internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerTransport
internal import Synchronization

/// Who owns what, as far as this bolt knows: the topology in force, the groups, the registers of all slices. One for
/// the bolt, fed by the roster and by its partition's own journal, asked by everybody.
///
/// Empty until a topology was applied: then every envoy belongs where rendezvous hashing over partitions puts it.
final class OwnershipBoard: Sendable {
    /// This bolt's partition.
    let own: PartitionName
    /// The mesh.
    let mesh: MeshID
    /// Says who signed.
    let witness: BoltSliceWitness

    /// Where an envoy belongs.
    struct Place: Hashable, Sendable {
        /// Its slice.
        let slice: SliceID
        /// The register in force of that.
        let register: SliceRegister
    }

    /// A version of the topology with the document that it came with.
    struct Version: Sendable {
        /// The apply.
        let apply: TopologyApply
        /// What it says.
        let topology: Topology
        /// Who is drained, and who asked for it why.
        let note: AppliedTopology
        /// Digest of that: what plans name.
        let digest: Bytes32
    }

    private struct State {
        var line = TopologyLine()
        var assembly = TopologyAssembly()
        var registers = SliceRegisterSet()
        /// Transitions that the partition's own journal holds, safe, by their hash.
        var journaled: [Bytes32: SignedTransition] = [:]
        /// Transitions that an event of the roster tells.
        var told: Set<Bytes32> = []
        /// Slices that are on their way here: handed on, maybe, and not served yet.
        var arriving: Set<SliceID> = []
        var walks: [SliceID: SliceWalk] = [:]
        var geneses: [GroupName: SliceGenesis] = [:]
        var byID: [GroupID: SliceGenesis] = [:]
        var version: Version?
        var fallback: GroupName?
        /// Envoys of which was said, since they were admitted, that they are in another group.
        var regrouped: [PrincipalID: Regrouping] = [:]
        /// The same, by their ids.
        var regroupings: [Regrouping] = []
        /// How far the roster was with that.
        var regroupingChanges = 0
        var forged = 0
        /// Facts of the roster that are taken.
        var taken = 0
        var census: [PartitionName: SliceCensus] = [:]
        /// When each of those came.
        var censusAt: [PartitionName: ContinuousClock.Instant] = [:]
        var lines: [PartitionName: any SliceLine] = [:]
        /// Grows with each change of owners or topology.
        var change: UInt64 = 1
    }

    private let state = Mutex(State())

    /// Nothing is known yet.
    init(own: PartitionName, mesh: MeshID, witness: any Witness) {
        (self.own, self.mesh, self.witness) = (own, mesh, BoltSliceWitness(witness))
    }

    // MARK: - Fed

    /// Takes what the roster says; from its beginning where histories were cut, or where it was read anew. Returns the
    /// slices whose owner may have changed, ascending, and whether the topology did.
    ///
    /// What is held of transitions is not forgotten with the event that told it: each proves itself, and envoys follow
    /// it by now. Only what a key signed whose history is cut needs an event in force, or the own journal.
    func take(_ roster: Roster, anew: Bool) -> (slices: [SliceID], topology: Bool) {
        takeGroups(roster, anew: anew)
        let from = anew ? 0 : state.withLock { $0.taken }
        let facts = roster.ownership(from: from)
        let count = roster.ownershipCount
        guard anew || !facts.isEmpty else {
            state.withLock { $0.taken = max($0.taken, count) }
            return ([], false)
        }
        return state.withLock { state in
            var slices: Set<SliceID> = []
            if anew {
                slices = Set(state.registers.slices)
                let kept = keeping(state.registers, roster)
                (state.line, state.assembly, state.registers) = (TopologyLine(), TopologyAssembly(), kept)
                state.told = []
                let journaled = state.journaled.sorted { $0.key < $1.key }.map(\.value)
                absorb(SliceDelta(journaled), &state, &slices)
            }
            var hasTopology = anew
            for fact in facts {
                switch fact {
                case .part(let part, let author):
                    guard let apply = state.assembly.take(part, by: author, hashedBy: witness) else { continue }
                    if state.line.insert(apply) { hasTopology = true }
                case .transitions(let delta):
                    absorb(delta, &state, &slices)
                    noteTold(delta, &state)
                }
            }
            state.taken = count
            if hasTopology { renew(&state) }
            for slice in slices { state.walks[slice] = nil }
            if hasTopology || !slices.isEmpty { state.change &+= 1 }
            return (slices.sorted(), hasTopology)
        }
    }

    private func takeGroups(_ roster: Roster, anew: Bool) {
        let changes = roster.regroupingChanges
        guard anew || state.withLock({ $0.regroupingChanges != changes }) else { return }
        let all = roster.regroupings
        state.withLock { state in
            (state.regroupings, state.regroupingChanges) = (all, changes)
            state.regrouped = Dictionary(all.map { ($0.envoy, $0) }) { first, _ in first }
        }
    }

    /// Takes transitions that the partition's own journal holds, safe, before the roster tells of them. Returns whether
    /// any was new.
    @discardableResult
    func take(journaled: [SignedTransition]) -> Bool {
        state.withLock { state in
            var slices: Set<SliceID> = []
            for signed in journaled { state.journaled[signed.transition.hash(by: witness)] = signed }
            absorb(SliceDelta(journaled), &state, &slices)
            for slice in slices { state.walks[slice] = nil }
            if !slices.isEmpty { state.change &+= 1 }
            return !slices.isEmpty
        }
    }

    /// What is held, but for what was signed by a key whose history is cut, or parted in two: that may be why.
    private func keeping(_ registers: SliceRegisterSet, _ roster: Roster) -> SliceRegisterSet {
        var cut = Set(roster.forks.map(\.replica.key))
        for entry in roster.vector.entries where roster.cut(of: entry.replica) != nil {
            cut.insert(entry.replica.key)
        }
        guard !cut.isEmpty else { return registers }
        return registers.filter { signed in
            guard let author = witness.author(certifiedBy: signed.warrant.chain) else { return false }
            return !cut.contains(witness.hash(author.signingKey.bytes.bytes))
        }
    }

    private func absorb(_ delta: SliceDelta, _ state: inout State, _ slices: inout Set<SliceID>) {
        let taken = state.registers.absorb(delta, mesh: mesh, witness: witness)
        slices.formUnion(taken.slices)
        state.forged += taken.forged
    }

    /// A transition is told once an event holds a proof of it. What somebody else made up in its place is none: it
    /// would keep the true one from being told.
    private func noteTold(_ delta: SliceDelta, _ state: inout State) {
        for signed in delta.transitions {
            let hash = signed.transition.hash(by: witness)
            // The very proof that is held was verified when it came.
            guard
                state.registers.transition(hash, of: signed.transition.slice) == signed
                    || signed.isAuthentic(in: mesh, witness: witness)
            else { continue }
            state.told.insert(hash)
        }
    }

    private func renew(_ state: inout State) {
        state.geneses = state.line.geneses(hashedBy: witness)
        state.byID = Dictionary(state.geneses.values.map { ($0.id, $0) }) { first, _ in first }
        state.walks = [:]
        state.version = state.line.current.flatMap { version(of: $0) }
        // An envoy that was admitted before there were groups is in the one of the first topology that takes all.
        let first = state.line.path.first.flatMap { version(of: $0) }?.topology
        state.fallback = (first?.groups.first { $0.match.isEmpty } ?? first?.groups.last)?.name
    }

    private func version(of apply: TopologyApply) -> Version? {
        guard let note = try? APIJSON.decode(AppliedTopology.self, from: Data(apply.document)),
            let digest = try? note.topology.digest(hashedBy: { witness.hash($0) })
        else { return nil }
        return Version(apply: apply, topology: note.topology, note: note, digest: digest)
    }

    // MARK: - Asked

    /// Grows with each change of owners or topology.
    var change: UInt64 { state.withLock { $0.change } }

    /// The topology in force; nil before the first.
    var version: Version? { state.withLock { $0.version } }

    /// Whether every envoy is in a slice.
    var hasSlices: Bool { state.withLock { $0.fallback != nil } }

    /// All applies that are in force, in order, and the others.
    var applies: (path: [TopologyApply], others: [TopologyApply]) {
        state.withLock { ($0.line.path, $0.line.others) }
    }

    /// An apply with what it says; nil where it is not known or cannot be read.
    func version(_ id: Bytes32) -> Version? {
        state.withLock { $0.line.apply(id) }.flatMap { version(of: $0) }
    }

    /// Where an envoy belongs; nil where no topology is in force, or its group is not known.
    func place(of envoy: PrincipalID, group: GroupName?) -> Place? {
        state.withLock { state in
            let name = group.flatMap { state.geneses[$0] == nil ? nil : $0 } ?? state.fallback
            guard let name, let genesis = state.geneses[name] else { return nil }
            let index = Placement.slice(of: envoy, slices: genesis.slices)
            guard let walk = walk(SliceID(group: genesis.id, index: index), &state) else { return nil }
            return Place(slice: walk.register.slice, register: walk.register)
        }
    }

    /// Where an envoy belongs of which was said since it was admitted that it is in another group; nil for all others,
    /// who are where their admission put them.
    func reassigned(_ envoy: PrincipalID) -> Place? {
        guard let regrouping = state.withLock({ $0.regrouped[envoy] }) else { return nil }
        return place(of: envoy, group: regrouping.group)
    }

    /// Envoys that were given another group, after one, by their ids; at most `limit`.
    func reassigned(after envoy: PrincipalID?, limit: Int) -> [PrincipalID] {
        let all = state.withLock { $0.regroupings }
        let start = envoy.map { envoy in all.firstIndex { $0.envoy > envoy } ?? all.count } ?? 0
        return all[start...].prefix(limit).map(\.envoy)
    }

    /// The register in force of a slice; nil where there is no such slice.
    func register(of slice: SliceID) -> SliceRegister? {
        state.withLock { walk(slice, &$0)?.register }
    }

    /// How a slice came to its owner; nil where there is no such slice.
    func walk(of slice: SliceID) -> SliceWalk? { state.withLock { walk(slice, &$0) } }

    /// Which of a slice's owners is in force, counted over all that were told, those of lost branches included: it
    /// grows with what is heard. 1 is for whoever served before there were slices. For people: envoys follow proofs.
    static func number(of walk: SliceWalk) -> UInt64 {
        2 + UInt64(walk.path.count) + walk.losers.reduce(UInt64(0)) { $0 + UInt64($1.count) }
    }

    /// What proves the owner to an envoy that remembers a register, or none: the bytes of a voucher.
    func voucher(
        _ walk: SliceWalk, epoch: PartitionEpoch, remembered: Bytes32?, signature: SliceVoucher.Signature
    ) -> [UInt8] {
        state.withLock {
            $0.registers.voucher(walk, epoch: epoch, remembered: remembered, signature: signature)
        }
    }

    private func walk(_ slice: SliceID, _ state: inout State) -> SliceWalk? {
        if let known = state.walks[slice] { return known }
        guard let genesis = state.byID[slice.group],
            let walk = state.registers.walk(slice.index, from: genesis, by: witness)
        else { return nil }
        state.walks[slice] = walk
        return walk
    }

    /// How the groups in force began, by name.
    var geneses: [SliceGenesis] { state.withLock { $0.geneses.values.sorted { $0.name < $1.name } } }

    /// The registers in force of a group's slices, by index.
    func registers(of genesis: SliceGenesis) -> [SliceRegister] {
        state.withLock { state in
            (0..<genesis.slices).compactMap { walk(SliceID(group: genesis.id, index: $0), &state)?.register }
        }
    }

    /// How the slices of a group came to their owners, by index.
    func walks(of genesis: SliceGenesis) -> [SliceWalk] {
        state.withLock { state in
            (0..<genesis.slices).compactMap { walk(SliceID(group: genesis.id, index: $0), &state) }
        }
    }

    /// The transition that began a register, with its proof; nil where it is not known.
    func transition(_ hash: Bytes32, of slice: SliceID) -> SignedTransition? {
        state.withLock { $0.registers.transition(hash, of: slice) }
    }

    /// All that are held and that no event of the roster tells, or tells any more.
    var allUntold: [SignedTransition] { untold(state.withLock { $0.registers.transitions }) }

    /// Those that no event of the roster tells yet.
    func untold(_ transitions: [SignedTransition]) -> [SignedTransition] {
        let told = state.withLock { $0.told }
        return transitions.filter { !told.contains($0.transition.hash(by: witness)) }
    }

    /// Whether a slice is on its way here. Who passes a request on to here may have heard of the hand-on already.
    func isArriving(_ slice: SliceID) -> Bool { state.withLock { $0.arriving.contains(slice) } }

    /// Says which slices are on their way here.
    func setArriving(_ slices: Set<SliceID>) { state.withLock { $0.arriving = slices } }

    /// The apply that somebody asked for under this id; nil where there is none.
    func version(askedFor task: PrincipalID) -> Version? {
        let (path, others) = applies
        return (path + others).lazy.compactMap { self.version(of: $0) }.first { $0.note.task == task }
    }

    // MARK: - Others

    /// What the primary of a partition last said of its slices.
    func census(of partition: PartitionName) -> SliceCensus? { state.withLock { $0.census[partition] } }

    /// What all primaries last said.
    var censuses: [PartitionName: SliceCensus] { state.withLock { $0.census } }

    /// A primary said something of its slices.
    func note(_ census: SliceCensus, of partition: PartitionName, at time: ContinuousClock.Instant = .now) {
        state.withLock { state in
            state.census[partition] = census
            state.censusAt[partition] = time
        }
    }

    /// How long no primary of a partition said anything of its slices; nil where none ever did since this bolt started.
    func silence(of partition: PartitionName, at now: ContinuousClock.Instant = .now) -> Duration? {
        state.withLock { $0.censusAt[partition] }.map { now - $0 }
    }

    /// Lines to the primaries of other partitions, as far as they stand.
    func setLines(_ lines: [PartitionName: any SliceLine]) { state.withLock { $0.lines = lines } }

    /// The line to the primary of another partition; nil where none stands.
    func line(to partition: PartitionName) -> (any SliceLine)? { state.withLock { $0.lines[partition] } }
}
