internal import Glibc

/// Time that nobody sets: it only goes on, whatever becomes of the machine's clock.
enum MonotonicTime {
    /// Nanoseconds since some moment.
    static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Microseconds since a moment of before.
    static func microseconds(since start: UInt64) -> UInt64 { (nanoseconds - start) / 1_000 }
}
