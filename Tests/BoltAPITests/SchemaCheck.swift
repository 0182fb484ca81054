import BoltAPI
import Foundation

/// The part of JSON Schema 2020-12 that our schemas use. A keyword that it does not know is a violation, so that a
/// schema can never say more than is checked.
struct SchemaCheck {
    private let schema: JSONValue

    init(_ schema: JSONValue) { self.schema = schema }

    func violations(of value: JSONValue) -> [String] { check(value, schema, at: "$") }

    private func check(_ value: JSONValue, _ rule: JSONValue, at path: String) -> [String] {
        guard case .object(let rule) = rule else { return ["\(path): no schema"] }
        return rule.sorted { $0.key < $1.key }.flatMap { keyword, operand -> [String] in
            switch keyword {
            case "$schema", "$defs", "components", "title", "description", "default": return []
            case "$ref": return check(value, resolve(operand), at: path)
            case "type": return isType(value, operand.text) ? [] : ["\(path): no \(operand.text ?? "?")"]
            case "const": return value == operand ? [] : ["\(path): not \(operand)"]
            case "enum":
                guard case .array(let words) = operand, words.contains(value) else { return ["\(path): not listed"] }
                return []
            case "properties", "required", "additionalProperties", "minProperties":
                return object(value, keyword, operand, rule, at: path)
            case "items", "minItems", "maxItems": return array(value, keyword, operand, at: path)
            default: return scalar(value, keyword, operand, at: path)
            }
        }
    }

    private func object(
        _ value: JSONValue, _ keyword: String, _ operand: JSONValue, _ rule: [String: JSONValue], at path: String
    ) -> [String] {
        guard case .object(let members) = value else { return [] }
        var known: [String: JSONValue] = [:]
        if case .object(let properties)? = rule["properties"] { known = properties }
        switch (keyword, operand) {
        case ("properties", .object(let properties)):
            return properties.sorted { $0.key < $1.key }.flatMap { name, rule in
                members[name].map { check($0, rule, at: "\(path).\(name)") } ?? []
            }
        case ("required", .array(let names)):
            return names.compactMap(\.text).filter { members[$0] == nil }.map { "\(path).\($0): missing" }
        case ("additionalProperties", .bool(false)):
            return members.keys.sorted().filter { known[$0] == nil }.map { "\(path).\($0): unknown" }
        case ("additionalProperties", let rule):
            return members.sorted { $0.key < $1.key }.filter { known[$0.key] == nil }
                .flatMap { check($0.value, rule, at: "\(path).\($0.key)") }
        case ("minProperties", .integer(let least)):
            return members.count >= least ? [] : ["\(path): too few members"]
        default: return ["\(path): bad schema: \(keyword)"]
        }
    }

    private func array(_ value: JSONValue, _ keyword: String, _ operand: JSONValue, at path: String) -> [String] {
        guard case .array(let values) = value else { return [] }
        switch (keyword, operand) {
        case ("minItems", .integer(let least)): return values.count >= least ? [] : ["\(path): too short"]
        case ("maxItems", .integer(let most)): return values.count <= most ? [] : ["\(path): too long"]
        case ("items", let rule): return values.enumerated().flatMap { check($1, rule, at: "\(path)[\($0)]") }
        default: return ["\(path): bad schema: \(keyword)"]
        }
    }

    private func scalar(_ value: JSONValue, _ keyword: String, _ operand: JSONValue, at path: String) -> [String] {
        switch (keyword, operand, value) {
        case ("minLength", .integer(let least), .string(let text)):
            return text.count >= least ? [] : ["\(path): too short"]
        case ("maxLength", .integer(let most), .string(let text)):
            return text.count <= most ? [] : ["\(path): too long"]
        case ("pattern", .string(let pattern), .string(let text)):
            return text.range(of: pattern, options: .regularExpression) != nil ? [] : ["\(path): not like \(pattern)"]
        case ("minimum", .integer(let least), .integer(let number)):
            return number >= least ? [] : ["\(path): below \(least)"]
        case ("maximum", .integer(let most), .integer(let number)):
            return number <= most ? [] : ["\(path): above \(most)"]
        case ("minLength", _, _), ("maxLength", _, _), ("pattern", _, _), ("minimum", _, _), ("maximum", _, _):
            return []
        default: return ["\(path): bad schema: \(keyword)"]
        }
    }

    private func resolve(_ reference: JSONValue) -> JSONValue {
        let parts = (reference.text ?? "").split(separator: "/").dropFirst()
        return parts.reduce(schema) { value, part in
            guard case .object(let members) = value else { return .null }
            return members[String(part)] ?? .null
        }
    }

    private func isType(_ value: JSONValue, _ type: String?) -> Bool {
        switch (type, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("integer", .integer), ("boolean", .bool),
            ("number", .number), ("number", .integer):
            true
        default: false
        }
    }
}
