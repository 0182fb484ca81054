#include "process_shim.h"

#include <sys/prctl.h>

int boltssl_process_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int boltssl_process_is_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }
