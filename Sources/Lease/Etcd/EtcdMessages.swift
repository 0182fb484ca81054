import Foundation

/// The parts of etcd's v3 JSON gateway that are used: 64-bit numbers are strings, bytes are Base64, zero is left out.
enum Etcd {
    /// A number that is written as a string, and read from either.
    struct Number: Codable, Hashable, Sendable {
        let value: Int64

        init(_ value: Int64) { self.value = value }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
                return
            }
            let text = try container.decode(String.self)
            // Ids of clusters and members use all 64 bits, without a sign.
            guard let number = Int64(text) ?? UInt64(text).map({ Int64(bitPattern: $0) }) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number")
            }
            value = number
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(String(value))
        }
    }

    struct Header: Codable, Sendable {
        var cluster_id: Number?
        var revision: Number?
    }

    struct KeyValue: Codable, Sendable {
        var create_revision: Number?
        var value: Data?
        var lease: Number?
    }

    struct RangeRequest: Codable, Sendable { var key: Data }
    struct RangeAnswer: Codable, Sendable {
        var header: Header?
        var kvs: [KeyValue]?
    }

    struct GrantRequest: Codable, Sendable { var TTL: Number }
    struct LeaseRequest: Codable, Sendable { var ID: Number }
    struct LeaseAnswer: Codable, Sendable {
        var header: Header?
        var ID: Number?
        var TTL: Number?
    }
    /// Each message of a stream stands in an envelope.
    struct Streamed<Content: Codable & Sendable>: Codable, Sendable {
        var result: Content?
        var error: Problem?
    }

    struct Compare: Codable, Sendable {
        var key: Data
        var target = "CREATE"
        var result = "EQUAL"
        var create_revision = Number(0)
    }
    struct PutRequest: Codable, Sendable {
        var key: Data
        var value: Data
        var lease: Number
    }
    struct Operation: Codable, Sendable {
        var request_put: PutRequest?
        var request_range: RangeRequest?
    }
    struct TxnRequest: Codable, Sendable {
        var compare: [Compare]
        var success: [Operation]
        var failure: [Operation]
    }
    struct TxnAnswer: Codable, Sendable {
        struct Response: Codable, Sendable { var response_range: RangeAnswer? }
        var header: Header?
        var succeeded: Bool?
        var responses: [Response]?
    }

    struct AuthenticateRequest: Codable, Sendable {
        var name: String
        var password: String
    }
    struct AuthenticateAnswer: Codable, Sendable { var token: String? }
    struct VersionAnswer: Codable, Sendable { var etcdserver: String? }

    struct Problem: Codable, Sendable {
        var message: String?
        var error: String?
        var code: Int?
        var grpc_code: Int?

        /// gRPC's codes that are told apart.
        enum Kind { case notFound, unauthenticated, passing, lasting }

        var kind: Kind {
            switch code ?? grpc_code {
            case 5: .notFound
            case 16: .unauthenticated
            // Cancelled, deadline, exhausted, aborted, unavailable: no leader, an election, too many requests.
            case 1, 4, 8, 10, 14: .passing
            case _: .lasting
            }
        }

        var text: String { String((message ?? error ?? "no explanation").prefix(200)) }
    }
}
