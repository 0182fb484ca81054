internal import BoltAPI
internal import BoltClient
internal import Spanner

/// The bolts that an agent knows, and the order in which it asks them.
///
/// Once its owner proved itself the agent keeps no list but one that the owner signed: whoever else names bolts has
/// them asked after those, in memory, and takes none from it. Before there are slices nobody can know whose word a list
/// is, and everybody is believed.
struct KnownBolts {
    /// Those that it was begun with.
    let seeds: [String]
    /// Whether nobody else is asked.
    let isPinned: Bool
    /// The last list that is the owner's word; empty before the first.
    private(set) var kept: [BoltAddress]
    /// The same, as the owner signed it; nil where nobody can know whose word it is, and before the first.
    private(set) var signed: SignedBoltList?
    /// `host:port` of the bolts that are asked, in this order.
    private(set) var asked: [String] = []
    /// How many of them, the first ones, are the owner's; 0 where they were named by hand.
    private(set) var home = 0

    /// Goes on from what is on disk, the bolts of `owner` first; without that from the `seeds`, and then from those
    /// that are `unproved`: the bolts that it was begun with may all have moved. Where they are `pinned` nobody else is
    /// asked, and what is kept is kept all the same.
    init(
        seeds: [String], pinned: Bool, kept: KeptBolts, unproved: [BoltAddress] = [], owner: PartitionName?
    ) {
        (self.seeds, isPinned) = (seeds, pinned)
        self.kept = KnownBolts.usable(kept.bolts)
        signed = self.kept.isEmpty ? nil : kept.signed
        let known = KnownBolts.sorted(self.kept, first: owner).map(\.address)
        asked = pinned || known.isEmpty ? seeds : known
        if !pinned, known.isEmpty { ask(KnownBolts.usable(unproved)) }
    }

    /// Takes the list of bolts that an obeyed answer brought, under what was seen of the owner with it. What is to be
    /// durable now; nil where the answer says nothing that is.
    mutating func take(_ response: CheckInResponse, under sight: OwnerSight, _ trust: OwnerTrust) -> KeptBolts? {
        let usable = KnownBolts.usable(response.bolts)
        guard let owner = sight.freshness?.register.owner else {
            if !usable.isEmpty { (kept, signed) = (usable, nil) }
            arrange(kept, others: [], owner: response.owner.partition)
            return usable.isEmpty ? nil : .unsigned(usable)
        }
        let isProved = prove(response, under: sight, trust)
        // In the order that the owner's word had while another was the owner, its bolts are not the first.
        arrange(KnownBolts.sorted(kept, first: owner), others: isProved ? [] : usable, owner: owner)
        return isProved ? signed.map { .signed($0) } : nil
    }

    /// Whether an answer's list is the owner's word and no earlier one than what is kept: then it is what is kept.
    private mutating func prove(_ response: CheckInResponse, under sight: OwnerSight, _ trust: OwnerTrust) -> Bool {
        guard let said = response.boltsSignature, let list = BoltList(response.bolts), let key = sight.key,
            let freshness = sight.freshness
        else { return false }
        // Mostly it is what the last answer brought.
        if let signed, signed.number == said.number, signed.epoch == freshness.epoch.number, signed.key == key,
            signed.owner == freshness.register.owner, signed.signature == said.signature.bytes, signed.list == list
        {
            return true
        }
        let proved = sight.proved(
            list, number: said.number, signature: said.signature.bytes, mesh: trust.mesh, witness: trust.witness)
        guard let proved, signed.map({ proved.follows($0) }) ?? true else { return false }
        let usable = KnownBolts.usable(proved.list.addresses)
        guard !usable.isEmpty else { return false }
        (kept, signed) = (usable, proved)
        return true
    }

    private mutating func arrange(_ first: [BoltAddress], others: [BoltAddress], owner: PartitionName) {
        guard !isPinned else { return }
        // As long as no owner said anything, those that the agent was begun with stay, whoever names others.
        asked = first.isEmpty ? seeds : first.map(\.address)
        home = first.prefix { $0.partition == owner }.count
        ask(others)
    }

    /// Has those asked that nobody signed for, after all others, as far as there is room.
    private mutating func ask(_ others: [BoltAddress]) {
        var known = Set(asked)
        var room = min(EnvoyLimits.unprovedBoltsMax, max(0, EnvoyLimits.boltsMax - asked.count))
        for bolt in others where room > 0 && known.insert(bolt.address).inserted {
            asked.append(bolt.address)
            room -= 1
        }
    }

    private static func sorted(_ bolts: [BoltAddress], first: PartitionName?) -> [BoltAddress] {
        guard let first else { return bolts }
        return bolts.filter { $0.partition == first } + bolts.filter { $0.partition != first }
    }

    /// Those of a list that can be asked, the first ones: a bolt that names others, or too many, takes nobody from the
    /// agent and does not end it.
    static func usable(_ bolts: [BoltAddress]) -> [BoltAddress] {
        let usable = bolts.lazy.filter { bolt in
            bolt.address.utf8.count <= EnvoyLimits.addressBytesMax && HostPort(bolt.address) != nil
        }
        return Array(usable.prefix(EnvoyLimits.boltsMax))
    }
}

/// A list of bolts as it is kept on disk.
enum KeptBolts: Hashable, Sendable {
    /// As somebody said it while no topology was in force.
    case unsigned([BoltAddress])
    /// As its owner signed it.
    case signed(SignedBoltList)

    /// The bolts.
    var bolts: [BoltAddress] {
        switch self {
        case .unsigned(let bolts): bolts
        case .signed(let signed): signed.list.addresses
        }
    }

    /// The owner's word; nil where there is none.
    var signed: SignedBoltList? {
        if case .signed(let signed) = self { signed } else { nil }
    }
}
