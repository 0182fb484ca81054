internal import CRDT

/// Every admission ever held, in force or not, found by key, by id and by name.
///
/// Built for a million envoys: fixed-size records in one array, names in one run of bytes, and what many share (group,
/// partition, labels) once.
struct AdmissionTable: Sendable {
    /// No record: the end of a chain.
    static let none = UInt32.max

    struct Record: Sendable {
        let key: Bytes32
        /// Zero: none.
        let sealingKey: Bytes32
        let id: PrincipalID
        /// The event; for an act the first carrier that arrived here.
        let dot: PackedDot
        let name: UInt32
        let shared: UInt32
        let token: UInt32
        var firstEnd: UInt32 = AdmissionTable.none
    }

    /// What many admissions have in common.
    struct Shared: Hashable, Sendable {
        let role: PrincipalRole
        let signingKey: VerificationKey?
        let partition: PartitionName?
        let group: GroupName?
        let address: String?
        let labels: [Label]
    }

    private struct End: Sendable {
        let source: UInt64
        let next: UInt32
    }

    private(set) var records: [Record] = []
    /// Admissions of bolts and operators: few, and asked for all the time.
    private(set) var privileged: [Int] = []
    private var ends: [End] = []
    private var names: [UInt8] = []
    private var shared: [Shared] = []
    private var sharedPlaces: [Shared: UInt32] = [:]
    private var tokens: [TokenID] = []
    private var tokenPlaces: [TokenID: UInt32] = [:]
    private var observed: [Int: [Dot]] = [:]
    private var byKey = IndexTable()
    private var byID = IndexTable()
    private var byName = IndexTable()
    // The tables find the latest; these lead to those before it. Few have any.
    private var earlierOfKey: [UInt32: UInt32] = [:]
    private var earlierOfID: [UInt32: UInt32] = [:]
    private var earlierOfName: [UInt32: UInt32] = [:]

    var count: Int { records.count }

    subscript(_ place: Int) -> Record { records[place] }

    func shared(_ place: Int) -> Shared { shared[Int(records[place].shared)] }
    func role(_ place: Int) -> PrincipalRole { shared[Int(records[place].shared)].role }
    func key(_ place: Int) -> KeyFingerprint { KeyFingerprint(records[place].key) }
    func observes(_ place: Int) -> [Dot] { observed[place] ?? [] }

    func name(_ place: Int) -> PrincipalName {
        PrincipalName(checked: String(decoding: nameBytes(place), as: UTF8.self))
    }

    func token(_ place: Int) -> TokenID? {
        let token = records[place].token
        return token == AdmissionTable.none ? nil : tokens[Int(token)]
    }

    func ends(of place: Int) -> [EndSource] {
        var result: [EndSource] = []
        var next = records[place].firstEnd
        while next != AdmissionTable.none {
            result.append(EndSource(raw: ends[Int(next)].source))
            next = ends[Int(next)].next
        }
        return result
    }

    mutating func end(_ place: Int, by source: EndSource) {
        ends.append(End(source: source.raw, next: records[place].firstEnd))
        records[place].firstEnd = UInt32(ends.count - 1)
    }

    func places(key: KeyFingerprint) -> [Int] {
        let bytes = key.bytes
        guard var place = byKey.find(AdmissionTable.hash(bytes), { records[$0].key == bytes }) else { return [] }
        var result = [place]
        while let next = earlierOfKey[UInt32(place)] {
            place = Int(next)
            result.append(place)
        }
        return result
    }

    func places(id: PrincipalID) -> [Int] {
        guard var place = byID.find(AdmissionTable.hash(id), { records[$0].id == id }) else { return [] }
        var result = [place]
        while let next = earlierOfID[UInt32(place)] {
            place = Int(next)
            result.append(place)
        }
        return result
    }

    /// Admissions of this name, of any role.
    func places(name: PrincipalName) -> [Int] {
        guard var place = find(name.text.utf8) else { return [] }
        var result = [place]
        while let next = earlierOfName[UInt32(place)] {
            place = Int(next)
            result.append(place)
        }
        return result
    }

    private func find(_ text: some Collection<UInt8>) -> Int? {
        byName.find(TableHash.bytes(text)) { nameBytes($0).elementsEqual(text) }
    }

    /// Whether neither key, id nor name of `admission` was held before: the usual case, found without allocating.
    func isNew(_ admission: Admission) -> Bool {
        let key = admission.tlsKey.bytes
        return byKey.find(AdmissionTable.hash(key), { records[$0].key == key }) == nil
            && byID.find(AdmissionTable.hash(admission.id), { records[$0].id == admission.id }) == nil
            && find(admission.name.text.utf8) == nil
    }

    /// Keeps an admission and returns its place.
    mutating func insert(_ admission: Admission, dot: PackedDot) -> Int {
        let place = records.count
        let text = Array(admission.name.text.utf8)
        // The name of an earlier admission is shared: re-admissions cost no name.
        let known = find(text)
        let name: UInt32
        if let known {
            name = records[known].name
        } else {
            name = UInt32(names.count)
            names.append(UInt8(text.count))
            names.append(contentsOf: text)
        }
        let common = Shared(
            role: admission.role, signingKey: admission.signingKey, partition: admission.partition,
            group: admission.group, address: admission.address, labels: admission.labels)
        records.append(
            Record(
                key: admission.tlsKey.bytes, sealingKey: admission.sealingKey ?? .zero, id: admission.id, dot: dot,
                name: name, shared: intern(common), token: admission.token.map { intern($0) } ?? AdmissionTable.none))
        if !admission.observes.isEmpty { observed[place] = admission.observes }
        if admission.role != .envoy { privileged.append(place) }
        index(place, text)
        return place
    }

    private mutating func index(_ place: Int, _ text: [UInt8]) {
        let (key, id) = (records[place].key, records[place].id)
        let ofKey = byKey.insert(place, AdmissionTable.hash(key)) {
            records[$0].key == key
        } hashOf: {
            AdmissionTable.hash(records[$0].key)
        }
        let ofID = byID.insert(place, AdmissionTable.hash(id)) {
            records[$0].id == id
        } hashOf: {
            AdmissionTable.hash(records[$0].id)
        }
        let ofName = indexName(place, text)
        if let ofKey { earlierOfKey[UInt32(place)] = UInt32(ofKey) }
        if let ofID { earlierOfID[UInt32(place)] = UInt32(ofID) }
        if let ofName { earlierOfName[UInt32(place)] = UInt32(ofName) }
    }

    /// The second references to the arrays end here, before they are written again: no copy is made.
    private mutating func indexName(_ place: Int, _ text: [UInt8]) -> Int? {
        let (known, spelt) = (records, names)
        return byName.insert(place, TableHash.bytes(text)) {
            AdmissionTable.name(at: known[$0].name, in: spelt).elementsEqual(text)
        } hashOf: {
            TableHash.bytes(AdmissionTable.name(at: known[$0].name, in: spelt))
        }
    }

    private func nameBytes(_ place: Int) -> ArraySlice<UInt8> {
        AdmissionTable.name(at: records[place].name, in: names)
    }

    private static func name(at place: UInt32, in names: [UInt8]) -> ArraySlice<UInt8> {
        let start = Int(place)
        return names[start + 1..<start + 1 + Int(names[start])]
    }

    private mutating func intern(_ value: Shared) -> UInt32 {
        // Fleets are admitted in rows of the same kind.
        if let last = records.last?.shared, shared[Int(last)] == value { return last }
        if let known = sharedPlaces[value] { return known }
        shared.append(value)
        sharedPlaces[value] = UInt32(shared.count - 1)
        return UInt32(shared.count - 1)
    }

    private mutating func intern(_ token: TokenID) -> UInt32 {
        if let known = tokenPlaces[token] { return known }
        tokens.append(token)
        tokenPlaces[token] = UInt32(tokens.count - 1)
        return UInt32(tokens.count - 1)
    }

    private static func hash(_ key: Bytes32) -> UInt64 { TableHash.mix(key.words.0 ^ key.words.3) }
    private static func hash(_ id: PrincipalID) -> UInt64 { TableHash.mix(id.high ^ (id.low &* 0x9E37_79B9_7F4A_7C15)) }
}
