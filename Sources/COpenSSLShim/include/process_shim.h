#ifndef BOLT_PROCESS_SHIM_H
#define BOLT_PROCESS_SHIM_H

// prctl is variadic: Swift cannot call it.

/// Makes this process one whose memory is dumped to nobody; 0 when it took.
int boltssl_process_undumpable(void);
/// Whether its memory may be dumped: 0 where not.
int boltssl_process_is_dumpable(void);

#endif
