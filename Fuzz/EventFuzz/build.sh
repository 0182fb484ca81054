#!/usr/bin/env bash
# Builds the event fuzzer: bytes of a stranger into event bodies, acts and whole runs.
# Usage: Fuzz/EventFuzz/build.sh OUTPUT [generator]
exec "$(dirname "$0")/../build.sh" EventFuzz "$@"
