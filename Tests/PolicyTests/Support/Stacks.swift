import CRDT
import Policy
import Spanner
import Testing

/// Files of a stack by path.
func files(_ texts: [String: String]) -> [StackFile] {
    texts.sorted { $0.key < $1.key }.map { StackFile(path: $0.key, bytes: Array($0.value.utf8)) }
}

/// A stack of these files, with a `stack.yaml` where they have none.
func stack(_ texts: [String: String]) throws -> Stack {
    try Stack.read(files(["stack.yaml": "stack: test"].merging(texts) { _, given in given })).get()
}

/// A stack of one layer for everybody with these resources.
func stack(resources: String, files: [String: String] = [:]) throws -> Stack {
    try stack(["layers/a.yaml": "layer: a\nresources:\n" + resources].merging(files) { $1 })
}

/// What is wrong with a stack; empty where it is read.
func faults(_ texts: [String: String]) -> [StackFault] {
    switch Stack.read(files(["stack.yaml": "stack: test"].merging(texts) { _, given in given })) {
    case .success: []
    case .failure(let found): found.faults
    }
}

/// Facts of a machine.
func machine(
    _ name: String = "web-1.example", group: String? = nil, labels: [String: String] = [:], id: UInt64 = 1
) throws -> StandingFacts {
    StandingFacts(
        id: PrincipalID(high: 0, low: id), name: try #require(PrincipalName(name)),
        group: group.flatMap { GroupName($0) }, labels: labels)
}

extension Stack {
    /// What a machine gets.
    func resolved(
        _ machine: StandingFacts, traits: [String: PolicyValue] = [:], secrets: [String: [UInt8]] = [:]
    ) throws -> ResolvedPolicy {
        try body(of: selection(for: machine)).get().resolve(machine, traits: traits, secrets: secrets)
    }
}

extension ResolvedPolicy {
    /// A resource by its id.
    subscript(_ id: String) -> ResolvedResource? { resources.first { $0.id.text == id } }

    /// Content of a file as text; nil where there is none.
    func content(_ path: String) -> String? {
        guard case .success(.file(let file))? = self["file:\(path)"]?.content else { return nil }
        return String(decoding: file.content, as: UTF8.self)
    }

    /// Why a resource cannot be told.
    func fault(_ id: String) -> ResourceFault? {
        guard case .failure(let fault)? = self[id]?.content else { return nil }
        return fault
    }
}

/// A cheap generator with a seed, so that a failing case is a number.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
