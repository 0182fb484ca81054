public import CRDT

/// The one form of an operator's act: what is signed, byte for byte.
public enum ActCodec {
    private enum Kind: UInt64 {
        case admit = 1
        case remove = 2
        case ban = 3
        case resolve = 4
        case revokeToken = 5
    }

    /// The bytes that are signed: mesh, nonce, time, reason, kind, content.
    public static func encode(_ act: OperatorAct) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.fixed(act.mesh.bytes)
        encoder.raw(act.nonce.bytes)
        encoder.integer(act.at.milliseconds)
        encoder.text(act.reason)
        switch act.operation {
        case .admit(let admission):
            encoder.integer(Kind.admit.rawValue)
            EventCodec.encode(admission, own: nil, to: &encoder)
        case .remove(let principal, let targets, let cut):
            encoder.integer(Kind.remove.rawValue)
            encoder.raw(principal.bytes)
            let table = DotTable(own: nil, dots: targets, others: cut.seen.entries.map(\.replica))
            table.encode(to: &encoder)
            table.encode(set: targets, to: &encoder)
            table.encode(cut.seen, to: &encoder)
        case .ban(let keys, let principal, let cut):
            encoder.integer(Kind.ban.rawValue)
            encoder.list(keys.sortedSet()) { encoder, key in encoder.fixed(key.bytes) }
            encoder.optional(principal) { encoder, principal in encoder.raw(principal.bytes) }
            let table = DotTable(own: nil, dots: [], others: cut.seen.entries.map(\.replica))
            table.encode(to: &encoder)
            table.encode(cut.seen, to: &encoder)
        case .resolve(let role, let name, let keep, let targets):
            encoder.integer(Kind.resolve.rawValue)
            encoder.byte(role.rawValue)
            encoder.text(name.text)
            encoder.fixed(keep.bytes)
            let table = DotTable(own: nil, dots: targets)
            table.encode(to: &encoder)
            table.encode(set: targets, to: &encoder)
        case .revokeToken(let token):
            encoder.integer(Kind.revokeToken.rawValue)
            encoder.raw(token.id.bytes)
        case .unknown(let kind, let content):
            encoder.integer(kind)
            encoder.raw(content)
        }
        return encoder.bytes
    }

    /// The act with these bytes; throws where they are over a limit or not what `encode` writes.
    public static func decode(_ content: [UInt8]) throws(DecodingFailure) -> OperatorAct {
        guard content.count <= RosterLimits.eventBytesMax else {
            throw .overLimit(what: "act", value: UInt64(content.count), limit: RosterLimits.eventBytesMax)
        }
        var decoder = CanonicalDecoder(slice: content[...])
        let mesh = MeshID(try decoder.fixed())
        let nonce = try EventCodec.decodeID(&decoder)
        let at = WallTime(milliseconds: try decoder.integer())
        let reason = try decoder.text("reason", limit: RosterLimits.reasonBytesMax)
        let operation = try decodeOperation(&decoder)
        try decoder.finish()
        let act = OperatorAct(mesh: mesh, nonce: nonce, at: at, reason: reason, operation: operation)
        guard encode(act) == content else { throw .notCanonical(what: "act") }
        return act
    }

    /// What an operator's key signs: the domain, then the content.
    public static func message(for content: [UInt8]) -> [UInt8] { OperatorAct.signingDomain + content }

    private static func decodeOperation(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> OperatorAct.Operation {
        let number = try decoder.integer()
        guard number >= 1 else { throw .invalid(what: "act kind") }
        switch Kind(rawValue: number) {
        case .admit:
            let admission = try EventCodec.decodeAdmission(own: nil, &decoder)
            guard admission.role != .envoy else { throw .invalid(what: "envoy admitted by an act") }
            return .admit(admission)
        case .remove:
            let principal = try EventCodec.decodeID(&decoder)
            let table = try DotTable(own: nil, from: &decoder)
            let targets = try table.decodeSet("targets", &decoder)
            guard !targets.isEmpty else { throw .invalid(what: "removal without a target") }
            let seen = try table.decodeVector(&decoder)
            return .remove(principal: principal, targets: targets, cut: OperatorAct.Cut(seen: seen))
        case .ban: return try decodeBan(&decoder)
        case .resolve:
            guard let role = PrincipalRole(rawValue: try decoder.byte()) else { throw .invalid(what: "role") }
            let text = try decoder.text("name", limit: MeshNames.hostBytesMax)
            guard let name = PrincipalName(text) else { throw .invalid(what: "name") }
            let keep = KeyFingerprint(try decoder.fixed())
            let table = try DotTable(own: nil, from: &decoder)
            let targets = try table.decodeSet("targets", &decoder)
            return .resolve(role: role, name: name, keep: keep, targets: targets)
        case .revokeToken: return .revokeToken(TokenID(try EventCodec.decodeID(&decoder)))
        case nil: return .unknown(kind: number, content: try decoder.raw(decoder.remaining))
        }
    }

    private static func decodeBan(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> OperatorAct.Operation {
        let keys = try decoder.list("keys", limit: RosterLimits.banKeysMax) { decoder throws(DecodingFailure) in
            KeyFingerprint(try decoder.fixed())
        }
        guard !keys.isEmpty else { throw .invalid(what: "ban without a key") }
        let principal = try decoder.optional { decoder throws(DecodingFailure) in
            try EventCodec.decodeID(&decoder)
        }
        let table = try DotTable(own: nil, from: &decoder)
        let seen = try table.decodeVector(&decoder)
        return .ban(keys: keys, principal: principal, cut: OperatorAct.Cut(seen: seen))
    }
}
