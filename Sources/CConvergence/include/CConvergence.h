#ifndef BOLT_CONVERGENCE_H
#define BOLT_CONVERGENCE_H

#include <sys/types.h>

// Only what Swift's module of the C library leaves out: calls of Linux and GNU, and variadic ones. No function here
// decides anything. Each gives -1 and `errno` on failure, unless it says otherwise.

/// Opens whatever has this name in a directory, without following it and without any effect on it.
int converge_open_path(int directory, const char *name);

/// Opens a directory itself to be synced; not what its name points to by now.
int converge_reopen_directory(int directory);

/// Opens a directory to be read, where nothing is mounted at its name: EXDEV where something is, also a part of the same
/// file system. A system that cannot tell opens it.
int converge_open_unmounted(int directory, const char *name);

/// Gives a name to a file that has another one in the same directory; EEXIST where the name is taken.
int converge_rename_new(int directory, const char *from, const char *to);

/// A file in memory, without a name.
int converge_memory_file(void);

/// A pipe of which no child inherits an end; what reads does not block.
int converge_pipe(int ends[2]);

/// Begins a program in a session of its own, with three descriptors and no other, all signals as they are by default,
/// in the directory `place`. Gives the error's number, 0 for none.
int converge_spawn(pid_t *child, const char *path, char *const arguments[], char *const variables[],
                   const int streams[3], int place);

/// Whether a child has ended: 1 with how (`status` as `waitpid` has it), 0 while it runs. It stays to be collected, so
/// that its number is nobody else's.
int converge_has_ended(pid_t child, int *status);

#endif
