public import Foundation

/// The one way in which the API's shapes become JSON and come back.
///
/// Keys are snake_case by each shape's own coding keys, so nothing depends on a key strategy. Unknown keys are ignored
/// on reading: an older program understands a newer one.
public enum APIJSON {
    /// The JSON of `value`, keys sorted, slashes left alone: equal values give equal bytes.
    public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : wire
        return try encoder.encode(value)
    }

    /// A value of JSON. Fails with `DecodingError`, which names the path that is wrong and never holds the input.
    public static func decode<Value: Decodable>(_ type: Value.Type, from json: Data) throws -> Value {
        try JSONDecoder().decode(type, from: json)
    }

    /// One line that says which key is wrong and how, for a `Problem`'s detail.
    public static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not valid JSON" }
        func place(_ context: DecodingError.Context, _ last: (any CodingKey)? = nil) -> String {
            let keys = context.codingPath + (last.map { [$0] } ?? [])
            let path = keys.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
            return path.isEmpty ? "the body" : String(path.drop { $0 == "." })
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(place(context, key)) is missing"
        case .valueNotFound(let type, let context): return "\(place(context)) is null, expected \(type)"
        case .typeMismatch(let type, let context): return "\(place(context)) is no \(type)"
        case .dataCorrupted(let context): return "\(place(context)): \(context.debugDescription)"
        @unknown default: return "not the expected JSON"
        }
    }

    private static let wire: JSONEncoder.OutputFormatting = [.sortedKeys, .withoutEscapingSlashes]
}
