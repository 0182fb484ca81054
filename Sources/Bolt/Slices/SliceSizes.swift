internal import Spanner
internal import SpannerStore

/// About how many bytes a handoff would send of each slice: for plans, listings and progress.
///
/// A look takes the bytes of `envoysPerLook` envoys at most, however many there are: of all where they are few, else of
/// some of each slice, one slice after the other from look to look. A slice that had no turn yet counts with the
/// average of those that had. Pure.
struct SliceSizes {
    /// Envoys whose bytes one look takes at most.
    static let envoysPerLook = 256
    /// Envoys of one slice that it takes where there are more of all.
    static let envoysPerSlice = 8

    /// Bytes of an envoy of each slice that was looked at.
    private var averages: [SliceID: Double] = [:]
    /// The same of all of them together.
    private var average = 0.0
    /// Where the next look begins; nil for the first slice.
    private var next: SliceID?

    /// Looks at some slices. `counts`: envoys of all; `sample` says how many envoys of a slice it took, up to so many,
    /// and their bytes.
    mutating func look(
        _ counts: [SliceID: UInt64],
        _ sample: (SliceID, Int) throws(StoreError) -> (envoys: Int, bytes: UInt64)
    ) throws(StoreError) {
        averages = averages.filter { counts[$0.key, default: 0] > 0 }
        let slices = counts.filter { $0.value > 0 }.keys.sorted()
        let isAll = counts.values.reduce(0, &+) <= UInt64(SliceSizes.envoysPerLook)
        let perSlice = isAll ? SliceSizes.envoysPerLook : SliceSizes.envoysPerSlice
        let begin = next.flatMap { next in slices.firstIndex { $0 >= next } } ?? 0
        next = nil
        var left = SliceSizes.envoysPerLook
        for slice in slices[begin...] + slices[..<begin] {
            guard left > 0 else {
                next = slice
                break
            }
            let found = try sample(slice, min(perSlice, left))
            left -= max(1, found.envoys)
            if found.envoys > 0 { averages[slice] = Double(found.bytes) / Double(found.envoys) }
        }
        var (envoys, bytes) = (0.0, 0.0)
        for (slice, average) in averages {
            let count = Double(counts[slice] ?? 0)
            envoys += count
            bytes += count * average
        }
        average = envoys > 0 ? bytes / envoys : 0
    }

    /// About how many bytes these envoys of a slice have.
    func bytes(of slice: SliceID, envoys: UInt64) -> UInt64 {
        UInt64(min(Double(envoys) * (averages[slice] ?? average), Double(UInt64(1) << 62)).rounded())
    }
}
