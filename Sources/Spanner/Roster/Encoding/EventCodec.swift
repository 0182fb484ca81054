public import CRDT

/// The one form of an event's body: kind, time, content. The dot is not in it: the run that carries a body says where
/// in the history it stands, and the hash chain binds both.
///
/// Every decoded body is encoded again and compared, so that nothing is accepted that would not be written.
public enum EventCodec {
    enum Kind: UInt64 {
        case open = 1
        case admit = 2
        case amend = 3
        case remove = 4
        case token = 5
        case act = 6
        case topology = 7
        case slices = 8
        /// An amendment that gives an envoy another group: to versions before it an unknown kind, so that they keep it
        /// and pass it on.
        case regroup = 9
    }

    /// The body of `event`. Dots and labels are written in ascending order, each once.
    ///
    /// Never fails: a value over a limit is written, and refused by `decode`.
    public static func encode(_ event: RosterEvent) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 96)
        let kind: UInt64
        switch event.payload {
        case .open: kind = Kind.open.rawValue
        case .admit: kind = Kind.admit.rawValue
        case .amend(let amendment): kind = (amendment.group == nil ? Kind.amend : .regroup).rawValue
        case .remove: kind = Kind.remove.rawValue
        case .token: kind = Kind.token.rawValue
        case .act: kind = Kind.act.rawValue
        case .topology: kind = Kind.topology.rawValue
        case .slices: kind = Kind.slices.rawValue
        case .unknown(let number, _): kind = number
        }
        encoder.integer(kind)
        encoder.integer(event.at.milliseconds)
        switch event.payload {
        case .open(let chain): encode(chain: chain, to: &encoder)
        case .admit(let admission): encode(admission, own: event.dot, to: &encoder)
        case .amend(let amendment): encode(amendment, own: event.dot, to: &encoder)
        case .remove(let targets):
            let table = DotTable(own: event.dot, dots: targets)
            table.encode(to: &encoder)
            table.encode(set: targets, to: &encoder)
        case .token(let record): encode(record, to: &encoder)
        case .act(let act):
            encoder.string(act.content)
            encode(chain: act.chain, to: &encoder)
            encoder.raw(act.signature)
        case .topology(let part): part.encode(to: &encoder)
        case .slices(let delta): delta.encode(to: &encoder)
        case .unknown(_, let content): encoder.raw(content)
        }
        return encoder.bytes
    }

    /// The event at `dot` with this body.
    ///
    /// Throws where the body is over `RosterLimits.eventBytesMax`, over any other limit, or not what `encode` writes.
    public static func decode(_ body: [UInt8], at dot: Dot) throws(DecodingFailure) -> RosterEvent {
        guard body.count <= RosterLimits.eventBytesMax else {
            throw .overLimit(what: "event", value: UInt64(body.count), limit: RosterLimits.eventBytesMax)
        }
        var decoder = CanonicalDecoder(slice: body[...])
        let number = try decoder.integer()
        guard number >= 1 else { throw .invalid(what: "event kind") }
        let at = WallTime(milliseconds: try decoder.integer())
        let payload = try decodeContent(kind: number, own: dot, &decoder)
        try decoder.finish()
        let event = RosterEvent(dot: dot, at: at, payload: payload)
        guard encode(event) == body else { throw .notCanonical(what: "event") }
        return event
    }

    private static func decodeContent(
        kind: UInt64, own: Dot, _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> RosterEvent.Payload {
        switch Kind(rawValue: kind) {
        case .open: return .open(chain: try decodeChain(&decoder))
        case .admit: return .admit(try decodeAdmission(own: own, &decoder))
        case .amend: return .amend(try decodeAmendment(own: own, regroups: false, &decoder))
        case .regroup: return .amend(try decodeAmendment(own: own, regroups: true, &decoder))
        case .remove:
            let table = try DotTable(own: own, from: &decoder)
            let targets = try table.decodeSet("targets", &decoder)
            guard !targets.isEmpty else { throw .invalid(what: "removal without a target") }
            return .remove(targets: targets)
        case .token: return .token(try decodeToken(&decoder))
        case .act:
            let content = try decoder.string("act", limit: RosterLimits.eventBytesMax)
            let chain = try decodeChain(&decoder)
            return .act(SignedAct(content: content, chain: chain, signature: try decoder.raw(64)))
        case .topology: return .topology(try TopologyPart(from: &decoder))
        case .slices:
            let delta = try SliceDelta(from: &decoder)
            guard !delta.isEmpty else { throw .invalid(what: "no transitions") }
            return .slices(delta)
        case nil:
            guard decoder.remaining <= RosterLimits.unknownBytesMax else {
                throw .overLimit(
                    what: "unknown event", value: UInt64(decoder.remaining), limit: RosterLimits.unknownBytesMax)
            }
            return .unknown(kind: kind, content: try decoder.raw(decoder.remaining))
        }
    }

    static func encode(chain: [[UInt8]], to encoder: inout CanonicalEncoder) {
        encoder.list(chain) { encoder, certificate in encoder.string(certificate) }
    }

    static func decodeChain(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> [[UInt8]] {
        let chain = try decoder.list("chain", limit: RosterLimits.chainCertificatesMax) {
            decoder throws(DecodingFailure) in
            try decoder.string("certificate", limit: RosterLimits.certificateBytesMax)
        }
        guard !chain.isEmpty else { throw .invalid(what: "empty chain") }
        return chain
    }

    private static func encode(_ record: JoinTokenRecord, to encoder: inout CanonicalEncoder) {
        encoder.raw(record.id.id.bytes)
        encoder.fixed(record.secretHash)
        switch record.kind {
        case .oneShot(let home):
            encoder.byte(0)
            encoder.text(home.text)
        case .multiUse(let uses):
            encoder.byte(1)
            encoder.integer(UInt64(uses))
        }
        encoder.integer(record.expires.milliseconds)
        encoder.optional(record.group) { encoder, group in encoder.text(group.text) }
        encode(labels: record.labels, to: &encoder)
    }

    private static func decodeToken(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> JoinTokenRecord {
        let id = TokenID(try decodeID(&decoder))
        let secretHash = try decoder.fixed()
        let kind: JoinTokenRecord.Kind
        switch try decoder.byte() {
        case 0: kind = .oneShot(home: try decodeName("home", &decoder))
        case 1:
            let uses = try decoder.integer()
            guard let uses = UInt32(exactly: uses), uses >= 1 else { throw .invalid(what: "token uses") }
            kind = .multiUse(uses: uses)
        default: throw .invalid(what: "token kind")
        }
        let expires = WallTime(milliseconds: try decoder.integer())
        let group: GroupName? = try decoder.optional { decoder throws(DecodingFailure) in
            try decodeName("group", &decoder)
        }
        return JoinTokenRecord(
            id: id, secretHash: secretHash, kind: kind, expires: expires, group: group,
            labels: try decodeLabels(&decoder))
    }
}
