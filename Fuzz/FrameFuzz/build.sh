#!/usr/bin/env bash
# Builds the frame fuzzer: a peer's bytes into frames, messages and a gossip machine.
# Usage: Fuzz/FrameFuzz/build.sh OUTPUT [generator]
exec "$(dirname "$0")/../build.sh" FrameFuzz "$@"
