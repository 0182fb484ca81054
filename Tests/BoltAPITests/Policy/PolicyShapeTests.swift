import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

/// The API's JSON about policy: who may ask for it, what it is called, and how refusals end.
@Suite struct PolicyShapeTests {
    private func bytes(_ byte: UInt8) -> Bytes32 { Bytes32(bytes: [UInt8](repeating: byte, count: 32)) ?? .zero }

    private func name(_ text: String) throws -> PartitionName { try #require(PartitionName(text)) }

    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try APIJSON.encode(value), as: UTF8.self)
    }

    private func roundTrip<Value: Codable & Equatable>(_ value: Value) throws {
        let json = try APIJSON.encode(value)
        #expect(try APIJSON.decode(Value.self, from: json) == value)
        #expect(try APIJSON.encode(APIJSON.decode(Value.self, from: json)) == json)
    }

    // MARK: - Who may

    /// S6: who may use what, written down apart from the table.
    @Test func theEndpointsOfPolicyAreForThoseWhomTheContractNames() {
        let expected: [Endpoint: Access] = [
            .policyBody: .envoy, .policyWait: .envoy, .policyWebhook: .secretHolder, .peerPolicy: .bolt,
            .peerPolicyBody: .bolt, .peerPolicyWake: .bolt,
            .stackStatus: .operator(.viewer), .stackHistory: .operator(.viewer),
            .stackDiff: .operator(.viewer), .validateStack: .operator(.viewer), .stackPreview: .operator(.viewer),
            .push: .operator(.viewer), .publishStack: .operator(.operator), .rollbackStack: .operator(.operator),
            .freezeStack: .operator(.operator), .unfreezeStack: .operator(.operator),
            .pauseRollout: .operator(.operator), .resumeRollout: .operator(.operator),
            .abortRollout: .operator(.operator), .pushEnvoys: .operator(.operator), .abortPush: .operator(.operator),
        ]
        let listed = Endpoint.allCases.filter(\.isAboutPolicy)
        #expect(Set(listed) == Set(expected.keys))
        for endpoint in listed {
            #expect(endpoint.access == expected[endpoint], "\(endpoint)")
            #expect(endpoint.listener == .main, "\(endpoint)")
        }
    }

    /// What an operator changes is never sent twice by itself, and reaches the bolt that can take it.
    @Test func changesOfPolicyAreNotRepeatedAndAreForwarded() {
        for endpoint in Endpoint.allCases where endpoint.isAboutPolicy {
            guard case .operator = endpoint.access else { continue }
            #expect(endpoint.isForwardable, "\(endpoint)")
            #expect(endpoint.isRepeatable == !endpoint.mutates, "\(endpoint)")
        }
        #expect(!Endpoint.stackDiff.mutates && !Endpoint.validateStack.mutates && Endpoint.publishStack.mutates)
        let others: [Endpoint] = [
            .policyBody, .policyWait, .policyWebhook, .peerPolicy, .peerPolicyBody, .peerPolicyWake,
        ]
        for endpoint in others {
            #expect(!endpoint.isForwardable && endpoint.isRepeatable, "\(endpoint)")
        }
    }

    /// The largest stack that a bolt takes can be passed on to the bolt that has to answer.
    @Test func aStackThatTravelsFits() {
        #expect(Endpoint.publishStack.bodyBytesMax == APILimits.stackBytesMax)
        #expect(Endpoint.peerOperator.bodyBytesMax > APILimits.stackBytesMax / 3 * 4)
        #expect(APILimits.stackDiffBytesMax < APILimits.answerBytesMax)
    }

    // MARK: - Refusals

    /// Whoever was refused for safety's sake ends with 4, and nothing was changed.
    @Test func refusalsAboutPolicyEndWith4() {
        for code: Problem.Code in [
            .noStack, .stackMoved, .stackFrozen, .noSource, .rolloutBlocked, .rolloutRefused, .pushRuns,
            .pushRefused,
        ] {
            let problem = Problem(code, "no")
            #expect(problem.exitStatus == .refused && problem.status == 409 && !problem.changed, "\(code)")
        }
        #expect(Problem(.invalidStack, "no").exitStatus == .error && Problem(.invalidStack, "no").status == 422)
        #expect(Problem(.noSuchRevision, "no").status == 404 && Problem(.sourceUnavailable, "no").status == 503)
        #expect(Problem(.sourceUnavailable, "no").exitStatus == .error)
    }

    // MARK: - Check-ins

    /// Bolts and envoys of before policy understand check-ins, and theirs are understood.
    @Test func checkInsWithoutPolicyAreAsTheyWere() throws {
        let request = CheckInRequest(
            traits: [:], queueIncarnation: try #require(QueueIncarnation(apiText: String(repeating: "cd", count: 16))),
            firstHeld: 1, results: [])
        #expect(try !json(request).contains("policy"))
        try roundTrip(request)
        let answer = CheckInResponse(
            storedThrough: 1, releaseThrough: 1, level: .local, owner: CheckInOwner(partition: try name("north")),
            nextIntervalSeconds: 60, bolts: [], register: 1, epoch: 1, contested: false)
        #expect(try !json(answer).contains("policy"))
        try roundTrip(answer)
    }

    /// The number was taken and dropped: no bolt knew what a machine had accepted, and met none that was ahead of it.
    @Test func whatAMachineSaysThatItHoldsIsInItsCheckIn() throws {
        let held = CheckInRequest(
            traits: [:], queueIncarnation: try #require(QueueIncarnation(apiText: String(repeating: "cd", count: 16))),
            firstHeld: 1, results: [], heldDigest: bytes(7), policySequence: 9)
        let text = try json(held)
        #expect(text.contains("\"held_digest\":\"07") && text.contains("\"policy_sequence\":9"), "\(text)")
        try roundTrip(held)
    }

    @Test func whatACheckInSaysOfPolicyHasOneForm() throws {
        var answer = CheckInPolicy(state: .current, sequence: 7, beacon: [1, 2, 3])
        #expect(try json(answer) == #"{"beacon":"AQID","sequence":7,"state":"current"}"#)
        try roundTrip(answer)
        (answer.state, answer.grant, answer.body, answer.box) = (.changed, [4], bytes(0xAB), [5])
        try roundTrip(answer)
        (answer.order, answer.push) = ([6], PrincipalID(high: 1, low: 2))
        try roundTrip(answer)
        let words = CheckInPolicy.State.allCases.map(\.rawValue)
        #expect(words == ["current", "changed", "withheld", "none", "covered"])
        let unknown = Data(#"{"sequence":7,"state":"better"}"#.utf8)
        #expect(throws: DecodingError.self) { try APIJSON.decode(CheckInPolicy.self, from: unknown) }
    }

    /// S8: what a sibling keeps is put together again from digests and a path: nothing in it opens a box.
    @Test func whatASiblingKeepsTravelsWhole() throws {
        let leaf = PolicyLeaf(
            envoy: PrincipalID(high: 1, low: 2), body: bytes(1), box: bytes(2),
            terms: PolicyTerms(maxAgeSeconds: 3600, expiry: .stop))
        let page = PeerPolicyResponse(
            partition: try name("north"), bolt: "a.north", mark: 9, heads: [[1], [2]],
            envoys: [
                CoveredPolicyView(leaf: leaf, sequence: 4, path: [3], box: [4])
            ], nextFrom: PrincipalID(high: 1, low: 3))
        try roundTrip(page)
        #expect(try json(page).contains(#""box_digest""#) && json(page).contains(#""next_from""#))
        #expect(try json(page).contains(#""expiry":"stop""#) && json(page).contains(#""max_age_seconds":3600"#))
        #expect(page.envoys.first?.leaf == leaf)
        #expect(PolicyExpiry.allCases.allSatisfy { PolicyExpiryWord($0).expiry == $0 })
    }

    // MARK: - Roll-outs and passes

    @Test func limitsThatHaltNothingHaveNoCount() {
        let unlimited = RolloutLimitsView(RolloutPolicy(maxConcurrent: nil, minStanding: 0, maxFail: .max))
        #expect(unlimited == RolloutLimitsView(maxConcurrent: nil, minStanding: 0, maxFail: nil))
        // A stack without `rollout` was told to halt with more than 9223372036854775807 failures.
        #expect(RolloutLimitsView(maxConcurrent: nil, minStanding: 0, maxFail: UInt64(Int64.max)).maxFail == nil)
        let limited = RolloutLimitsView(RolloutPolicy(maxConcurrent: 3, minStanding: 2, maxFail: 1))
        #expect(limited == RolloutLimitsView(maxConcurrent: 3, minStanding: 2, maxFail: 1))
    }

    @Test func whoIsUnderWayIsNeverLessThanNobody() {
        func rollout(given: UInt64, succeeded: UInt64, failed: UInt64, silent: UInt64 = 0) -> UInt64 {
            RolloutView(
                revision: "r", version: 1, state: .running,
                limits: RolloutLimitsView(maxConcurrent: nil, minStanding: 0, maxFail: nil), envoys: 10, given: given,
                succeeded: succeeded, failed: failed, silent: silent, beganAt: WallTime(milliseconds: 0)
            ).underway
        }
        #expect(rollout(given: 7, succeeded: 3, failed: 1, silent: 1) == 2)
        #expect(rollout(given: 1, succeeded: 3, failed: 1) == 0)
        #expect(rollout(given: 1, succeeded: .max, failed: .max) == 0)
    }

    @Test func expiryHasTheWordsOfTheStack() {
        #expect(
            PolicyExpiry.allCases.map { PolicyExpiryWord($0).rawValue } == ["enforce-last", "enforce-safe", "stop"])
    }

    @Test func aPassInShortNamesWhatFailedFirstAndIsBounded() {
        func resource(_ number: Int, _ outcome: PassResource.Outcome) -> PassResource {
            PassResource(id: "file:/\(number)", type: "file", outcome: outcome, microseconds: 1)
        }
        let resources =
            (0..<100).map { resource($0, $0 % 2 == 0 ? .skipped : .unchanged) } + [resource(100, .failed)]
        let report = PassReport(
            isDryRun: false, isConverged: false, microseconds: 5,
            counts: PassCounts(unchanged: 50, skipped: 50, failed: 1), resources: resources)
        let record = PassRecord(
            at: WallTime(milliseconds: 1), head: bytes(1), sequence: 3, body: bytes(2),
            push: PrincipalID(high: 1, low: 2), isOffline: true, report: report)
        let view = EnvoyPassView(record)
        #expect(view.resources.first?.id == "file:/100" && view.resources.count == APILimits.passResourcesShown)
        #expect(view.resources.dropFirst().allSatisfy { $0.outcome == .skipped })
        #expect(view.outcome == .failed && view.sequence == 3 && view.isOffline && view.push == record.push)
    }

    /// Agents and bolts of before know neither the order nor the cut: theirs are read, and what is not said is absent.
    @Test func aPassOfBeforeIsUnderstood() throws {
        let old =
            #"{"pass":{"at_ms":1,"offline":false,"report":{"converged":true,"counts":{"changed":1,"failed":0,"#
            + #""skipped":0,"unchanged":0,"would_change":0},"dry_run":false,"duration_us":1,"omitted":0,"#
            + #""resources":[]},"sequence":3}}"#
        var record = try #require(PassRecord(resultBody: Array(old.utf8)))
        #expect(record.order == nil && record.isCut == nil && record.succeeded && record.isTelling)
        #expect(String(decoding: try record.resultBody(), as: UTF8.self) == old)
        (record.order, record.isCut) = (7, true)
        let body = try record.resultBody()
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.contains("\"cut\":true") && text.contains("\"order\":7"), "\(text)")
        #expect(PassRecord(resultBody: body) == record)
        #expect(!record.succeeded && !record.isTelling && record.outcome == .changed)
        record.isCut = nil
        record.report?.isDryRun = true
        #expect(!record.isTelling)
        (record.report, record.trouble) = (nil, "it was refused")
        #expect(record.isTelling && !record.succeeded)
    }

    @Test func aSelectionOfNothingIsNone() throws {
        #expect(!EnvoySelection().isGiven && !EnvoySelection(envoys: []).isGiven)
        #expect(EnvoySelection(all: true).isGiven && EnvoySelection(envoys: ["web-7"]).isGiven)
        #expect(EnvoySelection(labels: ["a": "b"]).isGiven && EnvoySelection(group: GroupName("web")).isGiven)
        let bare = Data(#"{"labels":{},"all":false}"#.utf8)
        #expect(try APIJSON.decode(EnvoySelection.self, from: bare) == EnvoySelection())
    }

    @Test func aPushIsOverInThreeWays() {
        let over = PushView.State.allCases.filter { state in
            PushView(
                id: PrincipalID(high: 1, low: 2), partition: Self.partition, state: state, revision: "r", batch: 1,
                batches: 2, envoys: 4, asked: 2, succeeded: 1, failed: 1, thresholdPercent: 100, pauseSeconds: 0,
                beganAt: WallTime(milliseconds: 0), actor: "operator/ada", reason: ""
            ).isOver
        }
        #expect(over == [.finished, .halted, .aborted])
    }

    private static let partition: PartitionName = {
        guard let name = PartitionName("north") else { preconditionFailure("north is a name") }
        return name
    }()

    /// Scripts read these names: they do not change.
    @Test func aStatusHasItsNames() throws {
        let partition = try name("north")
        let revision = StackRevisionView(
            revision: "4f2a01", version: 3, digest: bytes(1), stack: "web", at: WallTime(milliseconds: 5),
            actor: "source/git", reason: "", files: 4, bytes: 512, isInForce: true)
        let status = StackStatusResponse(
            partition: partition, bolt: "a.north", isPrimary: true, inForce: revision, sequence: 17, envoys: 40,
            bodies: 2, expiry: .enforceSafe, maxAgeSeconds: 3600,
            source: StackSourceView(kind: .git, place: "https://git.example/stack main", isFollowed: true),
            freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1))
        try roundTrip(status)
        let text = try json(status)
        for name in [
            "\"partition\"", "\"primary\":true", "\"in_force\"", "\"sequence\":17", "\"expiry\":\"enforce-safe\"",
            "\"max_age_seconds\":3600", "\"kind\":\"git\"", "\"followed\":true", "\"version\":3", "\"kept\":true",
        ] { #expect(text.contains(name), "\(name) in \(text)") }
        for name in ["frozen", "rejected", "hold", "rollout", "next"] { #expect(!text.contains("\"\(name)\"")) }
    }
}
