#ifndef BOLT_CSQLITE_SHIM_H
#define BOLT_CSQLITE_SHIM_H

// Changesets of sessions: the library has them, its header hides them unless these are defined.
#ifndef SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_SESSION 1
#endif
#ifndef SQLITE_ENABLE_PREUPDATE_HOOK
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#endif

#include <sqlite3.h>

// Macros and variadic functions that Swift cannot call, as functions.

// Binds a copy of `length` bytes. `bytes` may be null only where `length` is 0.
static inline int bolt_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    if (length == 0) { return sqlite3_bind_zeroblob(statement, index, 0); }
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}

// Binds a copy of `length` bytes of UTF-8.
static inline int bolt_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}

// Refuses SQL that could corrupt the file, and functions and views smuggled into its schema.
static inline int bolt_sqlite3_harden(sqlite3 *database) {
    int code = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    if (code != SQLITE_OK) { return code; }
    return sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}

#endif
