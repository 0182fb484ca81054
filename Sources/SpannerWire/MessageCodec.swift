public import CRDT
public import Spanner

/// The body of each message, in the canonical encoding: one value, one form.
public enum MessageCodec {
    /// Number of the message's kind on the wire.
    public static func kind(of message: GossipMessage) -> UInt64 {
        switch message {
        case .hello: MessageKind.hello.rawValue
        case .context: MessageKind.context.rawValue
        case .want: MessageKind.want.rawValue
        case .events: MessageKind.events.rawValue
        case .durable: MessageKind.durable.rawValue
        case .reject: MessageKind.reject.rawValue
        case .fork: MessageKind.fork.rawValue
        case .ping: MessageKind.ping.rawValue
        case .unknown(let kind): kind
        }
    }

    /// The message's body. The body of an unknown message is empty: what it held was not kept.
    public static func body(of message: GossipMessage) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 256)
        switch message {
        case .hello(let hello): encode(hello, to: &encoder)
        case .context(let digest, let vector):
            encoder.fixed(digest)
            encoder.optional(vector) { encoder, vector in vector.encode(to: &encoder) }
        case .want(let ranges):
            encoder.list(ranges) { encoder, range in
                range.replica.encode(to: &encoder)
                encoder.integer(range.after)
            }
        case .events(let runs): encoder.list(runs) { encoder, run in encode(run, to: &encoder) }
        case .durable(let dots): encoder.list(dots) { encoder, dot in dot.encode(to: &encoder) }
        case .reject(let dot, let reason):
            dot.encode(to: &encoder)
            encoder.byte(reason.rawValue)
        case .fork(let proof): proof.encode(to: &encoder)
        case .ping, .unknown: break
        }
        return encoder.bytes
    }

    /// The message of this kind with this body; unknown kinds keep their number only.
    public static func message(kind: UInt64, body: ArraySlice<UInt8>) throws(DecodingFailure) -> GossipMessage {
        var decoder = CanonicalDecoder(slice: body)
        guard let known = MessageKind(rawValue: kind) else { return .unknown(kind: kind) }
        let message: GossipMessage
        switch known {
        case .hello: message = .hello(try decodeHello(&decoder))
        case .context:
            let digest = try decoder.fixed()
            let vector = try decoder.optional { decoder throws(DecodingFailure) in
                try VersionVector(from: &decoder, limit: RosterLimits.replicasMax)
            }
            message = .context(digest: digest, vector: vector)
        case .want:
            message = .want(
                try decoder.list("want", limit: GossipLimits.wantsMax) { decoder throws(DecodingFailure) in
                    try decodeRange(&decoder)
                })
        case .events:
            message = .events(
                try decoder.list("runs", limit: GossipLimits.runsMax) { decoder throws(DecodingFailure) in
                    try decodeRun(&decoder)
                })
        case .durable:
            message = .durable(
                try decoder.list("durable", limit: GossipLimits.durableDotsMax) { decoder throws(DecodingFailure) in
                    try Dot(from: &decoder)
                })
        case .reject:
            let dot = try Dot(from: &decoder)
            guard let reason = RejectReason(rawValue: try decoder.byte()) else { throw .invalid(what: "reason") }
            message = .reject(dot, reason)
        case .fork: message = .fork(try ForkProof(from: &decoder))
        case .ping: message = .ping
        }
        try decoder.finish()
        return message
    }

    /// One run: replica, first counter, bodies, signature.
    public static func encode(_ run: SignedRun, to encoder: inout CanonicalEncoder) {
        run.replica.encode(to: &encoder)
        encoder.integer(run.first)
        encoder.list(run.bodies) { encoder, body in encoder.string(body) }
        encoder.raw(run.signature)
    }

    /// Reads one run. Bounds are those of `RosterLimits`; whether it verifies is the roster's word.
    public static func decodeRun(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> SignedRun {
        let start = try Dot(from: &decoder)
        let bodies = try decoder.list("events", limit: RosterLimits.runEventsMax) { decoder throws(DecodingFailure) in
            try decoder.string("event", limit: RosterLimits.eventBytesMax)
        }
        guard !bodies.isEmpty else { throw .invalid(what: "run without events") }
        let signature = try decoder.raw(WireLimits.signatureBytes)
        return SignedRun(replica: start.replica, first: start.counter, bodies: bodies, signature: signature)
    }

    private static func decodeRange(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> GossipMessage.WantedRange {
        let replica = try ReplicaID(from: &decoder)
        let after = try decoder.integer()
        guard after <= Dot.counterMax else { throw .invalid(what: "wanted counter") }
        return GossipMessage.WantedRange(replica: replica, after: after)
    }

    private static func encode(_ hello: GossipMessage.Hello, to encoder: inout CanonicalEncoder) {
        encoder.integer(UInt64(hello.versionMin))
        encoder.integer(UInt64(hello.versionMax))
        encoder.fixed(hello.mesh.bytes)
        hello.replica.encode(to: &encoder)
        encoder.raw(hello.bolt.bytes)
        encoder.integer(hello.features)
    }

    /// Opening words may go on behind what is known here: a later version has more to say before both know which
    /// version they speak.
    private static func decodeHello(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> GossipMessage.Hello {
        let versionMin = UInt32(exactly: try decoder.integer())
        let versionMax = UInt32(exactly: try decoder.integer())
        guard let versionMin, let versionMax, versionMin <= versionMax else { throw .invalid(what: "wire versions") }
        let mesh = MeshID(try decoder.fixed())
        let replica = try ReplicaID(from: &decoder)
        guard let bolt = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        let features = try decoder.integer()
        guard decoder.remaining <= WireLimits.helloExtensionBytesMax else { throw .trailingBytes(decoder.remaining) }
        _ = try decoder.raw(decoder.remaining)
        return GossipMessage.Hello(
            versionMin: versionMin, versionMax: versionMax, mesh: mesh, replica: replica, bolt: bolt,
            features: features)
    }
}
