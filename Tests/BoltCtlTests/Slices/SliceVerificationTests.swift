import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// P5: every slice is covered once and all bolts agree: what is not so is found and named.
@Suite struct SliceVerificationTests {
    private func codes(_ answers: [SliceDigestResponse], silent: [String] = []) -> [String] {
        let lines =
            answers.map { Views.line($0) }
            + silent.map { SliceDigests.Line(address: "h:1", bolt: $0, answer: nil, error: "refused") }
        return SliceVerification(lines).findings.map(\.code)
    }

    @Test func aMeshThatIsAsItShouldBeIsVerified() throws {
        let answers = [
            try Views.digest("a.north"), try Views.digest("b.north", primary: false, holdings: []),
            try Views.digest("a.south"),
        ]
        let verification = SliceVerification(answers.map { Views.line($0) })
        #expect(verification.isVerified && verification.slices == 6 && verification.answered == 3)
        #expect(
            SliceVerify.verdict(verification)
                == "verified: every one of 6 slices has one owner, which serves it; 3 bolts agree")
        let json = String(decoding: try APIJSON.encode(verification), as: UTF8.self)
        #expect(json.contains("\"verified\":true") && json.contains("\"findings\":[]"), "\(json)")
        let text = SliceVerify.table(verification, answers.map { Views.line($0) }, [])
        #expect(text.contains("4 active") && text.contains("web"), "\(text)")
    }

    @Test func aSliceOnItsWayIsItsOwners() throws {
        let sending = try Views.digest("a.north", holdings: [(.active, 2), (.sending, 1), (.sealed, 1), (.sent, 3)])
        let receiving = try Views.digest("a.south", holdings: [(.active, 2), (.receiving, 1), (.held, 1)])
        #expect(codes([sending, receiving]) == [])
    }

    @Test func eachThingThatIsWrongHasItsName() throws {
        let (north, south) = (try Views.digest("a.north"), try Views.digest("a.south"))
        #expect(codes([north, try Views.digest("a.south", registers: 2)]) == ["owners_differ"])
        #expect(codes([north, try Views.digest("a.south", root: 2)]) == ["two_definitions"])
        #expect(codes([north, try Views.digest("a.south", version: 2)]) == ["topologies_differ"])
        #expect(codes([north, try Views.digest("a.south", north: 3)]) == ["not_covered"])
        #expect(codes([north, south], silent: ["b.north"]) == ["unreachable"])
        #expect(codes([try Views.digest("a.north", equivocations: 1), south]) == ["handed_on_twice"])
        #expect(codes([north]) == ["no_primary"])
        #expect(codes([north, try Views.digest("a.south", primary: false)]) == ["no_primary"])
        #expect(codes([north, try Views.digest("a.south", holdings: [(.active, 1)])]) == ["not_served"])
        #expect(codes([north, try Views.digest("a.south", holdings: [(.active, 3)])]) == ["not_served"])
        // A bolt that knows no such group disagrees too.
        var blank = south
        (blank.groups, blank.isPrimary) = ([], false)
        #expect(codes([north, south, blank]) == ["two_definitions"])
    }

    /// After a takeover the topology still names the lost partition: `slice verify` could not be content.
    @Test func boltsOfAPartitionThatOwnsNothingAreAWarning() throws {
        let lines =
            [try Views.digest("a.north"), try Views.digest("a.south")].map { Views.line($0) }
            + ["a.west", "b.west"].map {
                SliceDigests.Line(address: "h:1", bolt: $0, answer: nil, error: "refused")
            }
        let verification = SliceVerification(lines)
        #expect(verification.isVerified && verification.findings == [] && verification.answered == 2)
        #expect(verification.warnings.map(\.code) == ["unreachable", "unreachable"])
        #expect(
            SliceVerify.verdict(verification)
                == "verified: every one of 6 slices has one owner, which serves it; 2 bolts agree; "
                + "2 bolts of partitions that own none could not be asked")
        let text = SliceVerify.table(verification, lines, [])
        #expect(text.contains("warning: a.west could not be asked; west owns no slice: refused"), "\(text)")
        // Whoever is not known at all may be an owner's; and of those nothing is known while nobody answers.
        let stranger = SliceDigests.Line(address: "h:1", bolt: nil, answer: nil, error: "refused")
        #expect(SliceVerification(Array(lines.prefix(2)) + [stranger]).findings.map(\.code) == ["unreachable"])
        #expect(SliceVerification(Array(lines.suffix(2))).findings.map(\.code) == ["unreachable", "unreachable"])
    }

    /// One slice too many and one too few are as many as there should be.
    @Test func otherSlicesThanItsOwnAreNotServedThoughTheirNumberIsRight() throws {
        let web = try Views.group("web")
        func north(_ served: Bytes32) throws -> SliceDigestResponse {
            var north = try Views.digest("a.north")
            north.groups[0].owners[0].digest = Views.bytes(7)
            north.served = [.init(group: web, slices: 4, digest: served)]
            return north
        }
        let south = try Views.digest("a.south")
        #expect(codes([try north(Views.bytes(7)), south]) == [])
        #expect(codes([try north(Views.bytes(8)), south]) == ["not_served"])
        var silent = try north(Views.bytes(7))
        silent.served = []
        #expect(codes([silent, south]) == ["not_served"])
    }

    /// The owner's by the register, and turned away by its primary.
    @Test func aSliceThatWaitsIsNotServed() throws {
        let north = try Views.digest("a.north", holdings: [(.active, 3), (.waiting, 1)])
        #expect(codes([north, try Views.digest("a.south")]) == ["not_served"])
    }

    /// Of one bolt of several nobody knows who is primary elsewhere: it waited, and then said what was not so.
    @Test func whoeverAsksOneBoltHearsOfThatOne() throws {
        let lines = [Views.line(try Views.digest("a.north"))]
        let verification = SliceVerification(lines, unasked: ["a.south", "b.south"])
        #expect(verification.findings == [] && verification.isVerified && verification.unasked == 2)
        let verdict = SliceVerify.verdict(verification)
        #expect(verdict.hasPrefix("verified as far as was asked, 1 of 3 bolts: "), "\(verdict)")
        // Who was asked, and does not serve what is its own, is found still.
        let idle = [Views.line(try Views.digest("a.north", holdings: []))]
        #expect(SliceVerification(idle, unasked: ["a.south"]).findings.map(\.code) == ["not_served"])
        let standby = [Views.line(try Views.digest("b.north", primary: false, holdings: []))]
        #expect(SliceVerification(standby, unasked: ["a.north", "a.south"]).isVerified)
        #expect(SliceVerification(standby, unasked: ["a.south"]).findings.map(\.code) == ["no_primary"])
    }

    /// Of two bolts that both said to be primary the first was believed.
    @Test func twoPrimariesOfOnePartitionAreFound() throws {
        let answers = [try Views.digest("a.north"), try Views.digest("b.north"), try Views.digest("a.south")]
        let findings = SliceVerification(answers.map { Views.line($0) }).findings
        #expect(findings.map(\.code) == ["two_primaries"] && findings.allSatisfy(\.mayPass))
        #expect(findings.first?.what.contains("a.north and b.north") == true, "\(findings)")
    }

    @Test func whatIsToBeTypedNamesTheBoltsAddress() throws {
        let lines = [try Views.digest("a.north", north: 3), try Views.digest("a.south")].map { Views.line($0) }
        let finding = try #require(SliceVerification(lines).findings.first)
        #expect(finding.code == "not_covered" && finding.next.hasSuffix("--bolt h:a.north"), "\(finding)")
    }

    @Test func whatCanBeOverInAMomentIsLookedAtAgainAndNothingElse() throws {
        let (north, south) = (try Views.digest("a.north"), try Views.digest("a.south"))
        func mayPass(_ answers: [SliceDigestResponse]) -> [Bool] {
            SliceVerification(answers.map { Views.line($0) }).findings.map(\.mayPass)
        }
        #expect(mayPass([north, try Views.digest("a.south", registers: 2)]) == [true])
        #expect(mayPass([north, try Views.digest("a.south", holdings: [])]) == [true])
        #expect(
            mayPass([try Views.digest("a.north", north: 3), try Views.digest("a.south", north: 3)]) == [false, false])
        #expect(mayPass([try Views.digest("a.north", equivocations: 2), south]) == [false])
    }

    @Test func sidesAreNamedWithWhoIsOnThem() throws {
        let answers = [
            try Views.digest("b.north", primary: false, registers: 1), try Views.digest("a.north", registers: 1),
            try Views.digest("a.south", registers: 2),
        ]
        let verification = SliceVerification(answers.map { Views.line($0) })
        let what = try #require(verification.findings.first?.what)
        #expect(what.contains("at a.north, b.north") && what.contains("at a.south"), "\(what)")
        #expect(verification.disputed.map(\.text) == ["web"])
    }

    @Test func differencesAreOfSlicesThatBothKnow() throws {
        func slice(_ index: UInt32, _ owner: String, _ register: UInt8) throws -> SliceView {
            SliceView(
                group: try Views.group("web"), slice: index, owner: try Views.name(owner), position: 1,
                register: Views.bytes(register))
        }
        let left = [try slice(0, "north", 1), try slice(1, "north", 1), try slice(2, "north", 1)]
        let right = [try slice(0, "north", 1), try slice(1, "south", 2)]
        let found = SliceVerifier.compare(left, "a.north", right, "a.south")
        #expect(found.map(\.slice) == ["web/1"])
        #expect(found.first?.first.owner.text == "north" && found.first?.second.owner.text == "south")
    }

    @Test func beforeTheFirstApplyThereIsNothingToVerify() throws {
        let none = SliceDigests.Line(address: "h:1", bolt: "a.north", answer: nil, error: "no", code: .noTopology)
        let dead = SliceDigests.Line(address: "h:2", bolt: "b.north", answer: nil, error: "refused")
        #expect(throws: CommandFailure.self) { try SliceVerifier.requireTopology([none, dead]) }
        #expect(throws: Never.self) { try SliceVerifier.requireTopology([dead]) }
        let known = Views.line(try Views.digest("a.south"))
        #expect(throws: Never.self) { try SliceVerifier.requireTopology([none, known]) }
    }

    @Test func aSliceIsNamedByGroupAndNumber() throws {
        #expect(try SliceName("web/17") == SliceName("web/17"))
        for text in ["", "web", "web/", "/1", "web/x", "web/-1", "web/01", "Web/1", "web/1/2", "web/4294967296"] {
            #expect(throws: CommandFailure.self, "\(text)") { _ = try SliceName(text) }
        }
    }
}
