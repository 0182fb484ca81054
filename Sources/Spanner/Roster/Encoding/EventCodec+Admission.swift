internal import CRDT

/// Which optional fields an admission has, and its role in the two lowest bits. Those of envoys fit one byte.
private struct AdmissionFields: OptionSet {
    let rawValue: UInt64
    static let role = AdmissionFields(rawValue: 3)
    static let sealingKey = AdmissionFields(rawValue: 1 << 2)
    static let partition = AdmissionFields(rawValue: 1 << 3)
    static let group = AdmissionFields(rawValue: 1 << 4)
    static let labels = AdmissionFields(rawValue: 1 << 5)
    static let token = AdmissionFields(rawValue: 1 << 6)
    static let signingKey = AdmissionFields(rawValue: 1 << 7)
    static let address = AdmissionFields(rawValue: 1 << 8)
    static let observes = AdmissionFields(rawValue: 1 << 9)
    static let all = AdmissionFields(rawValue: (1 << 10) - 1)
}

/// Which fields an amendment changes.
private struct AmendmentFields: OptionSet {
    let rawValue: UInt8
    static let labels = AmendmentFields(rawValue: 1)
    static let address = AmendmentFields(rawValue: 2)
    static let rekey = AmendmentFields(rawValue: 4)
    static let all = AmendmentFields(rawValue: 7)
}

extension EventCodec {
    /// `own` is the event's dot, nil inside an act. `table` is given where the act has written it already.
    static func encode(_ admission: Admission, own: Dot?, to encoder: inout CanonicalEncoder) {
        var fields = AdmissionFields(rawValue: UInt64(admission.role.rawValue))
        if admission.sealingKey != nil { fields.insert(.sealingKey) }
        if admission.partition != nil { fields.insert(.partition) }
        if admission.group != nil { fields.insert(.group) }
        if !admission.labels.isEmpty { fields.insert(.labels) }
        if admission.token != nil { fields.insert(.token) }
        if admission.signingKey != nil { fields.insert(.signingKey) }
        if admission.address != nil { fields.insert(.address) }
        if !admission.observes.isEmpty { fields.insert(.observes) }
        encoder.integer(fields.rawValue)
        encoder.fixed(admission.tlsKey.bytes)
        encoder.raw(admission.id.bytes)
        encoder.text(admission.name.text)
        if let key = admission.sealingKey { encoder.fixed(key) }
        if let partition = admission.partition { encoder.text(partition.text) }
        if let group = admission.group { encoder.text(group.text) }
        if !admission.labels.isEmpty { encode(labels: admission.labels, to: &encoder) }
        if let token = admission.token { encoder.raw(token.id.bytes) }
        if let key = admission.signingKey { encoder.fixed(key.bytes) }
        if let address = admission.address { encoder.text(address) }
        if !admission.observes.isEmpty {
            let table = DotTable(own: own, dots: admission.observes)
            table.encode(to: &encoder)
            table.encode(set: admission.observes, to: &encoder)
        }
    }

    static func decodeAdmission(
        own: Dot?, _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> Admission {
        let fields = AdmissionFields(rawValue: try decoder.integer())
        guard fields.isSubset(of: .all) else { throw .invalid(what: "admission fields") }
        let number = UInt8(fields.intersection(.role).rawValue)
        guard let role = PrincipalRole(rawValue: number) else { throw .invalid(what: "role") }
        let key = KeyFingerprint(try decoder.fixed())
        let id = try decodeID(&decoder)
        let text = try decoder.text("name", limit: MeshNames.hostBytesMax)
        guard let name = PrincipalName(text) else { throw .invalid(what: "name") }
        var admission = Admission(role: role, id: id, name: name, tlsKey: key)
        if fields.contains(.sealingKey) { admission.sealingKey = try decoder.fixed() }
        if fields.contains(.partition) { admission.partition = try decodeName("partition", &decoder) }
        if fields.contains(.group) { admission.group = try decodeName("group", &decoder) }
        if fields.contains(.labels) { admission.labels = try decodeLabels(&decoder) }
        if fields.contains(.token) { admission.token = TokenID(try decodeID(&decoder)) }
        if fields.contains(.signingKey) { admission.signingKey = VerificationKey(try decoder.fixed()) }
        if fields.contains(.address) { admission.address = try decodeAddress(&decoder) }
        if fields.contains(.observes) {
            let table = try DotTable(own: own, from: &decoder)
            admission.observes = try table.decodeSet("observes", &decoder)
        }
        try checkShape(admission)
        return admission
    }

    /// What each role must have: an envoy a sealing key, bolts and operators a signing key, a bolt partition and
    /// address. A table over the role, so that no reader has to guess.
    private static func checkShape(_ admission: Admission) throws(DecodingFailure) {
        switch admission.role {
        case .envoy:
            guard admission.signingKey == nil, admission.address == nil else {
                throw .invalid(what: "envoy with signing key or address")
            }
        case .bolt:
            guard admission.signingKey != nil, admission.partition != nil, admission.token == nil else {
                throw .invalid(what: "bolt without signing key or partition")
            }
        case .operator:
            guard admission.signingKey != nil, admission.token == nil else {
                throw .invalid(what: "operator without signing key")
            }
        }
    }

    static func encode(_ amendment: Amendment, own: Dot, to encoder: inout CanonicalEncoder) {
        let table = DotTable(own: own, dots: [amendment.base] + amendment.supersedes)
        table.encode(to: &encoder)
        table.encode(amendment.base, to: &encoder)
        table.encode(set: amendment.supersedes, to: &encoder)
        var fields: AmendmentFields = []
        if amendment.labels != nil { fields.insert(.labels) }
        if amendment.address != nil { fields.insert(.address) }
        if amendment.rekey != nil { fields.insert(.rekey) }
        encoder.byte(fields.rawValue)
        if let labels = amendment.labels { encode(labels: labels, to: &encoder) }
        if let address = amendment.address { encoder.text(address) }
        if let rekey = amendment.rekey {
            encoder.raw(rekey.principal.bytes)
            encoder.fixed(rekey.from.bytes)
            encoder.fixed(rekey.to.bytes)
            encoder.optional(rekey.sealingKey) { encoder, key in encoder.fixed(key) }
            encoder.string(rekey.proof)
        }
        if let group = amendment.group { encoder.text(group.text) }
    }

    /// `regroups` where the event's kind says that a group follows; such an amendment may change nothing else.
    static func decodeAmendment(
        own: Dot, regroups: Bool, _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> Amendment {
        let table = try DotTable(own: own, from: &decoder)
        var amendment = Amendment(base: try table.decode(&decoder))
        amendment.supersedes = try table.decodeSet("supersedes", &decoder)
        let fields = AmendmentFields(rawValue: try decoder.byte())
        guard fields.isSubset(of: .all), regroups || !fields.isEmpty else {
            throw .invalid(what: "amendment fields")
        }
        if fields.contains(.labels) { amendment.labels = try decodeLabels(&decoder) }
        if fields.contains(.address) { amendment.address = try decodeAddress(&decoder) }
        if fields.contains(.rekey) {
            let principal = try decodeID(&decoder)
            let (from, to) = (KeyFingerprint(try decoder.fixed()), KeyFingerprint(try decoder.fixed()))
            guard from != to else { throw .invalid(what: "rekey to the same key") }
            let sealing = try decoder.optional { decoder throws(DecodingFailure) in try decoder.fixed() }
            let proof = try decoder.string("proof", limit: RosterLimits.proofBytesMax)
            amendment.rekey = Rekey(principal: principal, from: from, to: to, sealingKey: sealing, proof: proof)
        }
        if regroups { amendment.group = try decodeName("group", &decoder) }
        return amendment
    }

    static func encode(labels: [Label], to encoder: inout CanonicalEncoder) {
        encoder.list(labels.sortedSet()) { encoder, label in
            encoder.text(label.key)
            encoder.text(label.value)
        }
    }

    static func decodeLabels(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> [Label] {
        let labels = try decoder.list("labels", limit: RosterLimits.labelsMax) { decoder throws(DecodingFailure) in
            let key = try decoder.text("label key", limit: RosterLimits.labelKeyBytesMax)
            guard !key.isEmpty else { throw .invalid(what: "label key") }
            return Label(key: key, value: try decoder.text("label value", limit: RosterLimits.labelValueBytesMax))
        }
        for (left, right) in zip(labels, labels.dropFirst()) where left.key >= right.key {
            throw .notCanonical(what: "labels")
        }
        return labels
    }

    static func decodeID(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> PrincipalID {
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        return id
    }

    static func decodeName<Name: MeshName>(
        _ what: String, _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> Name {
        guard let name = Name(try decoder.text(what, limit: MeshNames.labelBytesMax)) else {
            throw .invalid(what: what)
        }
        return name
    }

    private static func decodeAddress(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> String {
        let address = try decoder.text("address", limit: RosterLimits.addressBytesMax)
        guard !address.isEmpty else { throw .invalid(what: "address") }
        return address
    }
}
