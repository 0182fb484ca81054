internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// Reads check-ins as envoys write them, in one pass: they are most of all that a bolt is ever asked.
///
/// Takes a plain subset of JSON and says nil to everything else: escapes where none are needed, keys that it does not
/// know, numbers with a fraction, what is wrong. The general reader then judges. What it takes it understands as that
/// one does.
struct CheckInReader {
    /// What was read. Traits are their own bytes, of which only brackets and strings were looked at.
    struct Reading {
        var queue: [UInt8] = []
        var firstHeld: UInt64 = 0
        var results: [SequencedResult] = []
        var traits: [UInt8] = []
        /// What the envoy remembers of its owner; nil where it does not say.
        var highest: OwnerMark?
        /// What it holds of its policy.
        var policy = HeldPolicy()
    }

    private enum Key: String, CaseIterable {
        case traits
        case queue = "queue_incarnation"
        case firstHeld = "first_held"
        case results
        case highest
        case heldDigest = "held_digest"
        case policySequence = "policy_sequence"

        /// What each check-in says.
        static let needed: Set<Key> = [.traits, .queue, .firstHeld, .results]
    }

    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// What a body says; nil where the general reader is to be asked.
    static func read(_ body: Data) -> Reading? {
        body.withUnsafeBytes { bytes in
            var reader = CheckInReader(bytes: bytes)
            return reader.request()
        }
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func request() -> Reading? {
        var (reading, seen) = (Reading(), Set<Key>())
        guard take(0x7B) else { return nil }
        repeat {
            guard let name = text(), let key = Key.allCases.first(where: { name.elementsEqual($0.rawValue.utf8) }),
                seen.insert(key).inserted, take(0x3A)
            else { return nil }
            switch key {
            case .traits:
                guard let traits = object() else { return nil }
                reading.traits = traits
            case .queue:
                guard let digits = text(), digits.count == 2 * QueueIncarnation.count,
                    let queue = QueueIncarnation(apiText: String(decoding: digits, as: UTF8.self))
                else { return nil }
                reading.queue = queue.bytes
            case .firstHeld:
                guard let number = number() else { return nil }
                reading.firstHeld = number
            case .results:
                guard let results = list() else { return nil }
                reading.results = results
            case .highest:
                guard let mark = mark() else { return nil }
                reading.highest = mark
            case .heldDigest:
                guard let digits = text(), digits.count == 2 * Bytes32.count,
                    let digest = Bytes32(apiText: String(decoding: digits, as: UTF8.self))
                else { return nil }
                reading.policy.leaf = digest
            case .policySequence:
                guard let number = number() else { return nil }
                reading.policy.sequence = number
            }
        } while take(0x2C)
        guard take(0x7D), seen.isSuperset(of: Key.needed), peek() == nil else { return nil }
        return reading
    }

    // MARK: Values

    private mutating func list() -> [SequencedResult]? {
        var results: [SequencedResult] = []
        guard take(0x5B) else { return nil }
        if take(0x5D) { return results }
        repeat {
            var (sequence, body): (UInt64?, [UInt8]?)
            guard take(0x7B) else { return nil }
            repeat {
                guard let name = text(), take(0x3A) else { return nil }
                if sequence == nil, name.elementsEqual("sequence".utf8) {
                    sequence = number()
                } else if body == nil, name.elementsEqual("body".utf8) {
                    body = text().flatMap { Data(base64Encoded: Data($0)) }.map { Array($0) }
                } else {
                    return nil
                }
            } while take(0x2C)
            guard take(0x7D), let sequence, let body else { return nil }
            results.append(SequencedResult(sequence: sequence, body: body))
        } while take(0x2C)
        return take(0x5D) ? results : nil
    }

    /// What an envoy remembers of its owner.
    private mutating func mark() -> OwnerMark? {
        var (register, epoch, hash): (UInt64?, UInt64?, Bytes32?)
        guard take(0x7B) else { return nil }
        repeat {
            guard let name = text(), take(0x3A) else { return nil }
            if register == nil, name.elementsEqual("register".utf8) {
                register = number()
            } else if epoch == nil, name.elementsEqual("epoch".utf8) {
                epoch = number()
            } else if hash == nil, name.elementsEqual("hash".utf8) {
                guard let digits = text(), digits.count == 2 * Bytes32.count else { return nil }
                hash = Bytes32(apiText: String(decoding: digits, as: UTF8.self))
                guard hash != nil else { return nil }
            } else {
                return nil
            }
        } while take(0x2C)
        guard take(0x7D), let owners = register, let reign = epoch else { return nil }
        return OwnerMark(register: owners, epoch: reign, hash: hash)
    }

    /// The bytes of an object, from bracket to bracket.
    private mutating func object() -> [UInt8]? {
        guard peek() == 0x7B else { return nil }
        let start = at
        var depth = 0
        while at < bytes.count {
            switch bytes[at] {
            case 0x22:
                guard text() != nil else { return nil }
                continue
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D: depth -= 1
            case _: break
            }
            at += 1
            if depth == 0 { return Array(bytes[start..<at]) }
        }
        return nil
    }

    /// A string without escapes, of printable ASCII.
    private mutating func text() -> Slice<UnsafeRawBufferPointer>? {
        guard take(0x22) else { return nil }
        let start = at
        while at < bytes.count {
            let byte = bytes[at]
            if byte == 0x22 {
                at += 1
                return bytes[start..<at - 1]
            }
            guard (0x20...0x7E).contains(byte), byte != 0x5C else { return nil }
            at += 1
        }
        return nil
    }

    /// A whole number as JSON writes it.
    private mutating func number() -> UInt64? {
        guard let first = peek(), (0x30...0x39).contains(first) else { return nil }
        let start = at
        var value: UInt64 = 0
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
            // More digits than any sequence has.
            guard at - start < 18 else { return nil }
            value = value * 10 + UInt64(bytes[at] - 0x30)
            at += 1
        }
        guard first != 0x30 || at == start + 1 else { return nil }
        let next = at < bytes.count ? bytes[at] : 0x20
        return [0x2E, 0x65, 0x45].contains(next) ? nil : value
    }

    // MARK: Bytes

    /// The next byte that is no white space.
    private mutating func peek() -> UInt8? {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            case let byte: return byte
            }
        }
        return nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        at += 1
        return true
    }
}

/// Traits as envoys last sent them, with what they were found to be: an envoy mostly sends the same again, and to read
/// and hash them anew would cost more than all else of its check-in.
final class TraitsMemory: Sendable {
    /// Envoys that are remembered, and bytes of one's traits.
    static let (envoysMax, bytesMax) = (8192, 8192)

    private let known = Mutex<[PrincipalID: (sent: [UInt8], are: EnvoyRecord.Traits)]>([:])

    /// What these bytes are, where this envoy sent just these the last time.
    func known(_ sent: [UInt8], of envoy: PrincipalID) -> EnvoyRecord.Traits? {
        known.withLock { known in
            guard let last = known[envoy], last.sent == sent else { return nil }
            return last.are
        }
    }

    /// Remembers what they were found to be.
    func remember(_ sent: [UInt8], as traits: EnvoyRecord.Traits, of envoy: PrincipalID) {
        guard sent.count <= TraitsMemory.bytesMax else { return }
        known.withLock { known in
            if known.count >= TraitsMemory.envoysMax { known = [:] }
            known[envoy] = (sent, traits)
        }
    }
}

/// Writes the answer to a check-in: what `CheckInResponse` says, key by key.
enum CheckInWriter {
    static func write(
        _ receipt: CheckInReceipt, partition: PartitionName, interval: Int, bolts: String, isContested: Bool,
        policy: String? = nil
    ) -> Data {
        // Names of partitions and levels need no escapes.
        var text = "{\"bolts\":\(bolts)"
        if let signed = receipt.bolts {
            text += ",\"bolts_signature\":{\"number\":\(signed.number)"
            text += ",\"signature\":\"\(Data(signed.signature).base64EncodedString())\"}"
        }
        if let voucher = receipt.voucher { text += ",\"claim\":\"\(Data(voucher).base64EncodedString())\"" }
        text += ",\"contested\":\(isContested)"
        if let bolt = receipt.keptBy { text += ",\"custody\":{\"kept_by\":\"\(bolt)\"}" }
        let owners: BoltAPI.AckLevel = receipt.level == .paired ? .paired : .local
        let level = receipt.keptBy == nil ? owners : .custody
        text += ",\"epoch\":\(receipt.epoch),\"level\":\"\(level.apiText)\""
        text += ",\"next_interval_seconds\":\(interval),\"owner\":{\"partition\":\"\(partition)\"}"
        if let policy { text += ",\"policy\":" + policy }
        text += ",\"register\":"
        text += "\(receipt.register),\"release_through\":\(receipt.releaseThrough)"
        if let signature = receipt.signature {
            text += ",\"signature\":\"\(Data(signature).base64EncodedString())\""
        }
        text += ",\"stored_through\":\(receipt.storedThrough)}"
        return Data(text.utf8)
    }
}
