#!/usr/bin/env bash
# Builds a fuzzer of the roster's core: Fuzz/TARGET against CRDT, Spanner, SpannerWire and the test kit's witness.
# Usage: Fuzz/build.sh TARGET OUTPUT              the fuzzer
#        Fuzz/build.sh TARGET OUTPUT generator    the program that writes the target's Corpus/
set -euo pipefail
usage='usage: Fuzz/build.sh TARGET OUTPUT [generator]'
target=${1:?$usage}
output=$(realpath -m "${2:?$usage}")
kind=${3:-fuzzer}
cd "$(dirname "$0")/.."

work=$(mktemp -d -t bolt-fuzz-build.XXXXXX)
trap 'rm -rf "$work"' EXIT

# Optimised, because that is what strangers meet; traps stay in.
flags=(-O -wmo -parse-as-library -swift-version 6 -package-name bolt -I "$work"
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature InternalImportsByDefault)
[ "$kind" = generator ] || flags+=(-sanitize=fuzzer)

module() { # NAME SOURCES...: one module as one object
    local name=$1
    shift
    swiftc "${flags[@]}" -module-name "$name" -emit-module -emit-module-path "$work/$name.swiftmodule" \
        -c -o "$work/$name.o" "$@"
}

mapfile -t crdt < <(find Sources/CRDT -name '*.swift' | sort)
mapfile -t spanner < <(find Sources/Spanner -name '*.swift' | sort)
# Of the wire all that needs no buffer of the transport's.
mapfile -t wire < <(grep -L 'import NIOCore' Sources/SpannerWire/*.swift | sort)
module CRDT "${crdt[@]}"
module Spanner "${spanner[@]}"
module SpannerWire "${wire[@]}"
module SpannerTestKit Sources/SpannerTestKit/TestWitness.swift

if [ "$kind" = generator ]; then main=(Fuzz/"$target"/Generator/*.swift); else main=(Fuzz/"$target"/Target/*.swift); fi
swiftc "${flags[@]}" -module-name "$target" "${main[@]}" \
    "$work"/{CRDT,Spanner,SpannerWire,SpannerTestKit}.o -o "$output"
