import BoltAPI
import Foundation
import Spanner
import Testing

@testable import Envoy

/// What is told of passes: bounded, what matters first, and on the machine itself whole over a kill.
@Suite struct PassRecordTests {
    private func resource(_ number: Int, _ outcome: PassResource.Outcome, diff: Int = 0) -> PassResource {
        PassResource(
            id: "file:/f\(number)", type: "file", outcome: outcome, microseconds: 5,
            diff: diff > 0 ? String(repeating: "x", count: diff) : nil)
    }

    private func report(_ resources: [PassResource]) -> PassReport {
        PassReport(
            isDryRun: false, isConverged: true, microseconds: 9, counts: PassCounts(), resources: resources)
    }

    private func pass(_ number: UInt64) -> PassRecord {
        PassRecord(
            at: WallTime(milliseconds: number), head: nil, sequence: number, body: nil, isOffline: false, report: nil)
    }

    @Test("a report that is small is told whole; of a large one what failed comes first, and the rest is counted")
    func bounds() throws {
        let small = report([resource(1, .unchanged), resource(2, .failed)])
        #expect(small.bounded() == small)
        let outcomes: [PassResource.Outcome] = [.unchanged, .skipped, .changed, .failed]
        let many = report((0..<2_000).map { resource($0, outcomes[$0 % 4], diff: $0 % 4 == 3 ? 40 : 10) })
        let told = many.bounded(to: 60_000)
        #expect(try APIJSON.encode(told).count < 70_000)
        #expect(told.resources.count + told.omitted == 2_000)
        #expect(told.resources.filter { $0.outcome == .failed }.count == 500, "all that failed is there")
        #expect(told.resources.filter { $0.outcome == .unchanged }.isEmpty)
        let numbers = told.resources.compactMap { Int($0.id.dropFirst("file:/f".count)) }
        #expect(numbers == numbers.sorted(), "in the order in which they were applied")
        let huge = report([resource(1, .failed, diff: 1_000_000)]).bounded()
        #expect(huge.resources.isEmpty && huge.omitted == 1)
    }

    @Test("where nothing is new, what is as it should be is only counted")
    func terse() {
        let told = report([resource(1, .unchanged), resource(2, .skipped)]).bounded(isTerse: true)
        #expect(told.resources.map(\.id) == ["file:/f2"] && told.omitted == 1)
    }

    @Test("the machine's own log keeps passes in order, bounded, over half a line and over another's rubbish")
    func log() throws {
        let scratch = try Scratch()
        let log = PassLog(scratch.path, fileBytesMax: 600)
        #expect(log.last(5).isEmpty)
        for number in 1...30 { #expect(log.note(pass(UInt64(number))) == nil) }
        let last = log.last(5).compactMap(\.sequence)
        #expect(last == [26, 27, 28, 29, 30])
        let kept = log.last(1_000).compactMap(\.sequence)
        #expect(kept.count < 30 && kept == Array((31 - UInt64(kept.count))...30), "the oldest are gone: \(kept)")
        for name in ["passes.jsonl", "passes.1.jsonl"] {
            let size = try FileManager.default.attributesOfItem(atPath: scratch.file(name))[.size] as? Int
            #expect(size.map { $0 <= 600 } == true)
        }
        // A kill left half a line.
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.file("passes.jsonl")))
        try file.seekToEnd()
        try file.write(contentsOf: Data(#"{"at_ms":31,"seq"#.utf8))
        try file.close()
        log.note(pass(32))
        #expect(log.last(1).compactMap(\.sequence) == [32])
        #expect(PassLog(scratch.file("none")).note(pass(1)) != nil, "a folder that is not there is told")
    }

    @Test("a pass in words: what was done, what failed and why, and what to do next")
    func words() {
        var failing = resource(3, .failed)
        (failing.what, failing.why, failing.next) = ("write /f3", "the disk is full", "make room")
        var told = pass(7)
        var counts = PassCounts()
        (counts.changed, counts.failed, counts.unchanged) = (1, 1, 5)
        told.report = PassReport(
            isDryRun: false, isConverged: false, microseconds: 12_345, counts: counts,
            resources: [resource(1, .changed), failing], omitted: 5)
        let lines = PassText.lines(told)
        #expect(lines.first == "policy 7: 1 changed, 1 failed, 5 unchanged, in 12 ms")
        #expect(lines.contains { $0.contains("failed file:/f3: write /f3: the disk is full") })
        #expect(lines.contains { $0.contains("next: make room") } && lines.contains { $0.contains("5 more") })
        told.isCut = true
        #expect(PassText.line(told).hasSuffix("in 12 ms, cut short"))
        var held = pass(7)
        (held.isOffline, held.trouble) = (true, "it is too old")
        #expect(PassText.lines(held) == ["policy 7, its owner not heard: not applied", "  why:  it is too old"])
    }
}
