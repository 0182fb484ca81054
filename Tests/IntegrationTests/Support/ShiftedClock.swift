import Foundation
import Testing

/// A library that gives programs another wall clock: the real one and so many seconds. Timers are not touched.
///
/// Made here, by the machine's C compiler: libfaketime moves the environment, by which a Swift program finds its
/// arguments.
struct ShiftedClock {
    private static let variable = "TEST_CLOCK_SHIFT"
    private static let compiler = "/usr/bin/cc"
    let library: String

    /// Whether there is a compiler.
    static let isPossible = FileManager.default.isExecutableFile(atPath: compiler)

    /// Makes the library below a folder.
    init(in folder: String) throws {
        library = folder + "/clock.so"
        guard !FileManager.default.fileExists(atPath: library) else { return }
        let source = folder + "/clock.c"
        try Self.text.write(toFile: source, atomically: true, encoding: .utf8)
        let made = try Command.run(Self.compiler, ["-shared", "-fPIC", "-O1", "-o", library, source])
        try #require(made.status == 0, "\(made)")
    }

    /// What a program is given for a clock that is so many seconds ahead.
    func environment(ahead seconds: Int) -> [String: String] {
        ["LD_PRELOAD": library, Self.variable: "\(seconds)"]
    }

    /// What a program is given for a clock that was never set: a day after it began to count.
    func never() -> [String: String] { environment(ahead: 86_400 - Int(Date().timeIntervalSince1970)) }

    private static let text = """
        #define _GNU_SOURCE
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static long seconds(void) {
            const char *text = getenv("\(variable)");
            return text ? atol(text) : 0;
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int code = syscall(SYS_clock_gettime, clock, time);
            if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += seconds();
            return code;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            int code = clock_gettime(CLOCK_REALTIME, &now);
            if (time) { time->tv_sec = now.tv_sec; time->tv_usec = now.tv_nsec / 1000; }
            return code;
        }

        time_t time(time_t *out) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (out) *out = now.tv_sec;
            return now.tv_sec;
        }
        """
}
