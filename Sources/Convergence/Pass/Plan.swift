/// What would have to be done for one resource, found without changing anything.
struct Plan {
    /// What differs, a few words each; never content. Empty where nothing has to be done.
    var summary: [String]
    /// How the content differs; not yet safe to show.
    var difference: Difference?
    /// Why nothing is done although not all is known to be in place.
    var skip: (reason: SkipReason, by: String)?
    /// Does it. Called at most once.
    var apply: () throws(ResourceFailure) -> Applied

    /// Nothing to do.
    static var nothing: Plan { Plan(summary: []) { () throws(ResourceFailure) in Applied(isChanged: false) } }

    init(
        summary: [String], difference: Difference? = nil, skip: (reason: SkipReason, by: String)? = nil,
        apply: @escaping () throws(ResourceFailure) -> Applied
    ) {
        (self.summary, self.difference, self.skip, self.apply) = (summary, difference, skip, apply)
    }
}

/// What was done for one resource.
struct Applied {
    /// Whether anything was.
    var isChanged: Bool
    /// The end of what a program printed; not yet safe to show.
    var output: ShownOutput?
    /// How the content differed, where that is known better than by the plan.
    var difference: Difference?
}

/// How something differs, before it is made safe to show.
enum Difference {
    /// Contents; nil for what was not there.
    case contents(old: [UInt8]?, new: [UInt8])
    /// Words of ours.
    case note(String)
    /// Words of somebody else's.
    case told(String)
}

/// The end of what a program printed, before it is made safe to show.
struct ShownOutput: Sendable {
    /// The bytes.
    var bytes: [UInt8]
    /// Whether there were others before them.
    var isCut: Bool
}

/// Something that can be planned and applied.
protocol Work {
    /// Looks what has to be done. Changes nothing.
    func plan() throws(ResourceFailure) -> Plan
}

/// What all work of a pass has in common.
struct WorkContext: Sendable {
    /// Where files are.
    let tree: RootTree
    /// What has to outlive the process.
    let memory: ChangeMemory
    /// Bounds.
    let limits: ConvergenceLimits
    /// Where programs are.
    let searchPath: [String]
    /// Where handlers are.
    let handlers: [String]
    /// Whether the pass is to end.
    let isCancelled: @Sendable () -> Bool
    /// Called at each step of a change.
    let atStep: @Sendable (ChangeStep, String) -> Void
}
