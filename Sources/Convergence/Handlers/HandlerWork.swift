internal import Glibc
internal import Policy

/// Something that an executable of the machine plans and applies.
struct HandlerWork: Work {
    let context: WorkContext
    let spec: HandlerSpec
    let traits: [String: PolicyValue]
    /// Whether something that notifies it was changed.
    var isNotified = false

    func plan() throws(ResourceFailure) -> Plan {
        let path = try find()
        let answer = try ask(path, .plan)
        guard answer.state == .changed else { return .nothing }
        let difference = answer.diff.map { Difference.told($0) }
        return Plan(summary: ["\(spec.type) \(spec.name)"], difference: difference) { () throws(ResourceFailure) in
            let answer = try ask(path, .apply)
            return Applied(isChanged: answer.state == .changed, difference: answer.diff.map { .told($0) })
        }
    }

    private func find() throws(ResourceFailure) -> String {
        let bytes = Array(spec.type.utf8)
        let isName =
            !bytes.isEmpty && bytes.count <= 64
            && bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
        for directory in context.handlers where directory.hasPrefix("/") && isName {
            let path = "\(directory)/\(spec.type)"
            var status = stat()
            guard stat(path, &status) == 0, status.kind == S_IFREG else { continue }
            var place = stat()
            guard stat(directory, &place) == 0, [status, place].allSatisfy(isOurs) else {
                throw ResourceFailure(
                    .unsafeHandler, what: "use the handler \(path)",
                    why: "others than root and the agent's user may write to it, or to its directory",
                    next: "chown both to root and chmod go-w them, after a look at what is in it")
            }
            return path
        }
        throw ResourceFailure(
            .noHandler, what: "find a handler for the type \(spec.type)",
            why: "no file of that name is in \(context.handlers.joined(separator: ", "))",
            next: "install the handler, or correct the type in the stack")
    }

    private func isOurs(_ status: stat) -> Bool {
        (status.st_uid == 0 || status.st_uid == geteuid()) && status.permissions & 0o022 == 0
    }

    private func ask(_ path: String, _ action: HandlerRequest.Action) throws(ResourceFailure) -> HandlerAnswer {
        let what = "\(action.rawValue) \(spec.type) \(spec.name)"
        let isChange = action == .apply
        let request = HandlerRequest(
            action: action, type: spec.type, name: spec.name, properties: spec.properties, root: context.tree.path,
            traits: traits, notified: isNotified)
        guard let input = request.bytes else {
            throw ResourceFailure(
                .badAnswer, what: what, why: "its properties hold a number that JSON can't",
                next: "correct them in the stack")
        }
        let program = ChildProgram(
            path: path, arguments: [path],
            environment: ProgramSearch.environment(context.searchPath, root: context.tree.path),
            directory: context.tree.root, input: input, seconds: spec.timeoutSeconds,
            keeping: .beginning(max: context.limits.answerBytesMax), hasOwnErrors: true, limits: context.limits,
            memory: context.memory)
        let outcome = program.run(isCancelled: context.isCancelled)
        if isChange { context.atStep(.commandEnded, "\(spec.type):\(spec.name)") }
        if var failure = ProgramSearch.failure(
            outcome, of: what, seconds: spec.timeoutSeconds, hasChangedState: isChange)
        {
            failure.output = outcome.errors
            throw failure
        }
        return try answer(outcome, what, hasChangedState: isChange)
    }

    private func answer(
        _ outcome: ChildProgram.Outcome, _ what: String, hasChangedState: Bool
    ) throws(ResourceFailure) -> HandlerAnswer {
        func failure(_ code: ResourceFailure.Code, _ why: String, _ output: ShownOutput) -> ResourceFailure {
            var failure = ResourceFailure(
                code, what: what, why: why, next: "run the handler by hand with the same input",
                hasChangedState: hasChangedState)
            failure.output = output
            return failure
        }
        let answer = HandlerAnswer(outcome.output.bytes)
        if let answer, answer.state == .failed {
            throw failure(.handlerFailed, answer.reason ?? "the handler does not say why", outcome.errors)
        }
        guard outcome.ending == .code(0) else {
            var words = "it was ended by a signal"
            if case .code(let code) = outcome.ending { words = "it ended with code \(code)" }
            throw failure(.handlerFailed, words, outcome.errors.bytes.isEmpty ? outcome.output : outcome.errors)
        }
        guard let answer else {
            throw failure(.badAnswer, "what it printed is not the one JSON object that is asked for", outcome.output)
        }
        return answer
    }
}
