internal import Glibc
internal import Policy

/// A command that is run where its conditions say so.
struct ExecWork: Work {
    let context: WorkContext
    let spec: ExecSpec

    func plan() throws(ResourceFailure) -> Plan {
        guard !spec.command.isEmpty else {
            throw ResourceFailure(
                .cannotRun, what: "run \(spec.name)", why: "its command is empty", next: "correct it in the stack")
        }
        if let creates = spec.creates, try isThere(creates) { return skipped("creates \(creates)") }
        // Where a command would run may be a directory that an earlier resource makes: known when it is run.
        if let unless = spec.unless, try succeeds(unless, "unless") { return skipped("unless") }
        if let onlyIf = spec.onlyIf, try !succeeds(onlyIf, "onlyif") { return skipped("onlyif") }
        return Plan(summary: ["runs \(spec.command.joined(separator: " "))"]) { () throws(ResourceFailure) in
            try runCommand()
        }
    }

    private func skipped(_ by: String) -> Plan {
        Plan(summary: [], skip: (.condition, by)) { () throws(ResourceFailure) in Applied(isChanged: false) }
    }

    private func runCommand() throws(ResourceFailure) -> Applied {
        let what = "run \(spec.name)"
        let outcome = try run(spec.command, what)
        context.atStep(.commandEnded, "exec:\(spec.name)")
        if let failure = ProgramSearch.failure(
            outcome, of: what, seconds: spec.timeoutSeconds, hasChangedState: true)
        {
            throw failure
        }
        guard outcome.ending == .code(0) else {
            var failure = ResourceFailure(
                .commandFailed, what: what, why: words(outcome.ending),
                next: "see what it printed; what it did until then is done", hasChangedState: true)
            failure.output = outcome.output
            throw failure
        }
        return Applied(isChanged: true, output: outcome.output)
    }

    private func words(_ ending: ChildProgram.Ending) -> String {
        switch ending {
        case .code(let code): "it ended with code \(code)"
        case .signal(let signal): "signal \(signal) ended it"
        default: "it was ended"
        }
    }

    private func succeeds(_ command: [String], _ kind: String) throws(ResourceFailure) -> Bool {
        let what = "ask the condition `\(kind)` of \(spec.name)"
        let outcome = try run(command, what)
        if let failure = ProgramSearch.failure(
            outcome, of: what, seconds: spec.timeoutSeconds, hasChangedState: false)
        {
            throw failure
        }
        return outcome.ending == .code(0)
    }

    private func run(_ command: [String], _ what: String) throws(ResourceFailure) -> ChildProgram.Outcome {
        guard let name = command.first else {
            throw ResourceFailure(.cannotRun, what: what, why: "it is empty", next: "correct it in the stack")
        }
        guard command.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw ResourceFailure(
                .cannotRun, what: what, why: "an argument holds a zero", next: "correct it in the stack")
        }
        let program = ChildProgram(
            path: try ProgramSearch.find(name, in: context.searchPath), arguments: command,
            environment: ProgramSearch.environment(
                context.searchPath, root: context.tree.path, beside: spec.environment),
            directory: try directory(), input: nil, seconds: spec.timeoutSeconds,
            keeping: .end(max: context.limits.outputKeptBytesMax), hasOwnErrors: false, limits: context.limits,
            memory: context.memory)
        return program.run(isCancelled: context.isCancelled)
    }

    private func directory() throws(ResourceFailure) -> Descriptor {
        guard let place = spec.workingDirectory else { return context.tree.root }
        let path = try RootPath(place)
        return try context.tree.directory(path.parents + [path.name], for: place)
    }

    private func isThere(_ text: String) throws(ResourceFailure) -> Bool {
        let path = try RootPath(text)
        do throws(ResourceFailure) {
            return try RootTree.entry(path.name, in: context.tree.parent(of: path), for: text) != nil
        } catch {
            if error.code == ResourceFailure.Code.parentMissing.rawValue { return false }
            throw error
        }
    }
}
