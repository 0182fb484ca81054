/// A policy as one machine has to carry it out now: conditions decided, templates rendered, secrets put in.
///
/// Holds secrets in clear: it is kept in memory only, and never printed.
public struct ResolvedPolicy: Sendable {
    /// In an order in which each comes after what it requires; the same for the same input. One for each id.
    public var resources: [ResolvedResource]
    /// The traits that it was resolved with: handlers are told them.
    public var traits: [String: PolicyValue]

    /// A policy.
    public init(resources: [ResolvedResource], traits: [String: PolicyValue] = [:]) {
        (self.resources, self.traits) = (resources, traits)
    }
}

/// One resource as it shall be on this machine, or why that cannot be told.
public struct ResolvedResource: Sendable {
    /// Which.
    public var id: ResourceID
    /// Where the stack says so: `layers/10-base.yaml:12`.
    public var origin: String
    /// What has to be in place before it: ids of resources of the same policy.
    public var requires: [ResourceID]
    /// What is told when it changed: ids of resources of the same policy.
    public var notifies: [ResourceID]
    /// Whether it may be applied when no server answers.
    public var effect: ResourceEffect
    /// Whether a secret went into it: no difference and no output of it is shown.
    public var isSensitive: Bool
    /// What shall be; or what is wrong with this one alone.
    public var content: Result<ResourceSpec, ResourceFault>

    /// A resource.
    public init(
        id: ResourceID, origin: String, requires: [ResourceID] = [], notifies: [ResourceID] = [],
        effect: ResourceEffect = .safe, isSensitive: Bool = false, content: Result<ResourceSpec, ResourceFault>
    ) {
        (self.id, self.origin, self.requires, self.notifies) = (id, origin, requires, notifies)
        (self.effect, self.isSensitive, self.content) = (effect, isSensitive, content)
    }
}

/// How much a resource can disturb what the machine does.
public enum ResourceEffect: String, Sendable, Codable, CaseIterable {
    /// It may be applied at any time.
    case safe
    /// It is applied only where a server answered lately: it restarts, reboots, or cannot be taken back.
    case disruptive
}

/// Why one resource cannot be told for a machine. The others are not touched by it; what requires it has to wait.
public struct ResourceFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable kind.
    public var code: ResourceFaultCode
    /// What is the matter; never a secret's value.
    public var reason: String
    /// What to do.
    public var next: String

    /// A fault.
    public init(_ code: ResourceFaultCode, reason: String, next: String? = nil) {
        (self.code, self.reason) = (code, reason)
        self.next = next ?? code.next
    }

    /// The reason and the code.
    public var description: String { "\(reason) [\(code.rawValue)]" }
}

/// Stable kind of a fault of one resource on one machine: see docs/errors.md.
public struct ResourceFaultCode: RawRepresentable, Hashable, Sendable, Codable {
    /// The code, as results carry it.
    public let rawValue: String

    /// Any code; those that this module tells are in `all`.
    public init(rawValue: String) { self.rawValue = rawValue }

    private init(_ rawValue: String) { self.rawValue = rawValue }

    /// A template cannot be rendered with what this machine has.
    public static let template = ResourceFaultCode("template_failed")
    /// A template names something that this machine does not have.
    public static let unknownVariable = ResourceFaultCode("template_unknown_variable")
    /// A template comes to more than is taken.
    public static let tooLarge = ResourceFaultCode("template_too_large")
    /// A secret was not sent with the policy.
    public static let missingSecret = ResourceFaultCode("secret_missing")
    /// A secret is no text where one is needed.
    public static let badSecret = ResourceFaultCode("secret_not_text")
    /// What it requires is not among this machine's resources.
    public static let missingRequirement = ResourceFaultCode("requirement_missing")
    /// It requires itself through others, as conditions are on this machine.
    public static let cycle = ResourceFaultCode("requirement_cycle")
    /// What its templates come to is no value that it can have.
    public static let badValue = ResourceFaultCode("resource_bad_value")

    /// All codes that this module tells.
    public static let all: [ResourceFaultCode] = [
        template, unknownVariable, tooLarge, missingSecret, badSecret, missingRequirement, cycle, badValue,
    ]

    /// What to do where the fault does not say better.
    public var next: String {
        switch self {
        case .unknownVariable: "correct the name in the stack, or test for it with a section; see: bolt-envoy traits"
        case .tooLarge: "let the template make less"
        case .missingSecret: "store it: boltctl secret put NAME"
        case .badSecret: "store it as text, or use it as the whole content of a file"
        case .missingRequirement: "give both the same condition, or take the requirement out"
        case .cycle: "take one of the requirements out of the stack"
        default: "correct it in the stack and publish it again"
        }
    }
}
