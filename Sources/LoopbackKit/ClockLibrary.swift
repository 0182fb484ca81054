import Foundation

/// A library that gives programs another wall clock: the real one and as many seconds as a file says, which is read
/// again after 50 ms. Timers are not touched.
///
/// Made on the spot, by the machine's C compiler: libfaketime moves the environment, by which a Swift program finds its
/// arguments.
public enum ClockLibrary {
    private static let variable = "SHIFTED_CLOCK_FILE"

    /// Where the library lies below a folder, once it is made.
    public static func path(in folder: String) -> String { folder + "/clock.so" }

    /// Writes its source into a folder that is there; gives the command by which the compiler makes it. Throws
    /// Foundation's error where the source can't be written.
    public static func making(in folder: String, with compiler: String) throws -> [String] {
        let source = folder + "/clock.c"
        try text.write(toFile: source, atomically: true, encoding: .utf8)
        return [compiler, "-shared", "-fPIC", "-O1", "-o", path(in: folder), source]
    }

    /// What a program is given to be so many seconds ahead as `file` says.
    public static func environment(library: String, seconds file: String) -> [String: String] {
        ["LD_PRELOAD": library, variable: file]
    }

    private static let text = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdatomic.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static _Atomic long offset, read_at;

        /* Seconds to add; the file is read again after 50 ms. */
        static long seconds(void) {
            struct timespec now;
            syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
            long instant = now.tv_sec * 1000 + now.tv_nsec / 1000000;
            if (instant - atomic_load(&read_at) > 50) {
                atomic_store(&read_at, instant);
                const char *path = getenv("\(variable)");
                int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
                if (file >= 0) {
                    char text[32];
                    ssize_t count = read(file, text, sizeof text - 1);
                    close(file);
                    if (count > 0) {
                        text[count] = 0;
                        atomic_store(&offset, atol(text));
                    }
                }
            }
            return atomic_load(&offset);
        }

        static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int code = syscall(SYS_clock_gettime, clock, time);
            if (code == 0 && is_wall(clock)) time->tv_sec += seconds();
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
