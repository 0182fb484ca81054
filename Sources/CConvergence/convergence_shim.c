#define _GNU_SOURCE
#include "CConvergence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int converge_open_path(int directory, const char *name) {
    return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int converge_reopen_directory(int directory) {
    return openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int converge_open_unmounted(int directory, const char *name) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct open_how how = {.flags = flags, .resolve = RESOLVE_NO_XDEV};
    int number = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
    // A kernel before 5.6, or a container that does not let it through.
    if (number < 0 && (errno == ENOSYS || errno == EPERM)) return openat(directory, name, flags);
    return number;
}

int converge_rename_new(int directory, const char *from, const char *to) {
    return renameat2(directory, from, directory, to, RENAME_NOREPLACE);
}

int converge_memory_file(void) { return memfd_create("input", MFD_CLOEXEC); }

int converge_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int converge_spawn(pid_t *child, const char *path, char *const arguments[], char *const variables[],
                   const int streams[3], int place) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    // The directory first: the streams may take its number.
    if (!failed) failed = posix_spawn_file_actions_addfchdir_np(&actions, place);
    for (int stream = 0; stream < 3 && !failed; stream++)
        failed = posix_spawn_file_actions_adddup2(&actions, streams[stream], stream);
    if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!failed) failed = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!failed) failed = posix_spawnattr_setsigmask(&attributes, &none);
    if (!failed)
        failed = posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!failed) failed = posix_spawn(child, path, &actions, &attributes, arguments, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int converge_has_ended(pid_t child, int *status) {
    siginfo_t found;
    found.si_pid = 0;
    if (waitid(P_PID, (id_t)child, &found, WEXITED | WNOHANG | WNOWAIT) != 0) return -1;
    if (found.si_pid == 0) return 0;
    *status = found.si_code == CLD_EXITED ? (found.si_status & 0xFF) << 8 : found.si_status & 0x7F;
    return 1;
}
