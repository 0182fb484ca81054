import CRDT
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// What slices are told to have is taken from a few envoys at a time, whatever their number.
struct SliceSizesTests {
    private let group = GroupID(TestWitness.digest([1]))

    private func slice(_ index: UInt32) -> SliceID { SliceID(group: group, index: index) }

    /// Looks once, where each envoy of slice i has 100 × (i + 1) bytes; gives the envoys that were looked at.
    private func look(_ sizes: inout SliceSizes, _ counts: [SliceID: UInt64]) throws -> Int {
        var taken = 0
        try sizes.look(counts) { slice, limit throws(StoreError) in
            let envoys = min(limit, Int(counts[slice] ?? 0))
            taken += envoys
            return (envoys, UInt64(envoys) * 100 * UInt64(slice.index + 1))
        }
        return taken
    }

    @Test("Where envoys are few all are looked at, and each slice has its own bytes")
    func few() throws {
        var sizes = SliceSizes()
        let counts = [slice(0): UInt64(60), slice(3): 1, slice(9): 0]
        #expect(try look(&sizes, counts) == 61)
        #expect(sizes.bytes(of: slice(0), envoys: 60) == 6000 && sizes.bytes(of: slice(3), envoys: 1) == 400)
        #expect(sizes.bytes(of: slice(9), envoys: 0) == 0)
        #expect(try look(&sizes, [:]) == 0 && sizes.bytes(of: slice(0), envoys: 5) == 0)
    }

    @Test("Where they are many a look takes no more than its part, and all slices have their turn")
    func many() throws {
        var sizes = SliceSizes()
        let counts = Dictionary(uniqueKeysWithValues: (0..<100 as Range<UInt32>).map { (slice($0), UInt64(1000)) })
        #expect(try look(&sizes, counts) == SliceSizes.envoysPerLook)
        // Who had no turn yet counts with the average of the others: slices 0 to 31.
        #expect(sizes.bytes(of: slice(99), envoys: 2) == 3300)
        for _ in 0..<3 { #expect(try look(&sizes, counts) <= SliceSizes.envoysPerLook) }
        for index in 0..<100 as Range<UInt32> {
            #expect(sizes.bytes(of: slice(index), envoys: 1000) == 100_000 * UInt64(index + 1))
        }
    }

    @Test("A census is news where envoys or owners change, or bytes by much")
    func news() {
        func census(envoys: UInt64 = 3, bytes: UInt64, to: PartitionName? = nil) -> SliceCensus {
            SliceCensus(entries: [.init(slice: slice(0), envoys: envoys, bytes: bytes, destination: to)])
        }
        #expect(census(bytes: 100_000).agrees(with: census(bytes: 110_000)))
        #expect(census(bytes: 10).agrees(with: census(bytes: 4000)))
        #expect(!census(bytes: 100_000).agrees(with: census(bytes: 120_000)))
        #expect(!census(bytes: 0).agrees(with: census(bytes: 10_000)))
        #expect(!census(bytes: 0).agrees(with: census(envoys: 4, bytes: 0)))
        #expect(!census(bytes: 0).agrees(with: census(bytes: 0, to: PartitionName(checked: "south"))))
    }
}
