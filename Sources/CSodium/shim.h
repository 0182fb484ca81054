#include <errno.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

// prctl is variadic, which Swift cannot call.

/// No core file of this process and no look at its memory by others of its user: 0, or errno.
static inline int bolt_forbid_dumps(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

/// Whether the kernel would dump this process: 1, or 0.
static inline int bolt_may_be_dumped(void) {
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
}
