#!/usr/bin/env bash
# Builds the certificate fuzzer: bytes from a stranger into certificates, requests, tokens and the peer verifier.
# Usage: Fuzz/CertificateFuzz/build.sh OUTPUT              the fuzzer
#        Fuzz/CertificateFuzz/build.sh OUTPUT generator    the program that writes Corpus/ and Target/Fixture.swift
set -euo pipefail
output=$(realpath -m "${1:?usage: build.sh OUTPUT [generator]}")
kind=${2:-fuzzer}
cd "$(dirname "$0")/../.."

work=$(mktemp -d -t bolt-fuzz-build.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/shim"
printf 'module COpenSSLShim { header "%s" export * }\n' "$PWD/Sources/COpenSSLShim/include/openssl_shim.h" \
    >"$work/shim/module.modulemap"

# Optimised, because that is what strangers meet; traps stay in.
flags=(-O -wmo -parse-as-library -swift-version 6 -I "$work"
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature InternalImportsByDefault
    -Xcc "-fmodule-map-file=$PWD/Sources/CSodium/module.modulemap"
    -Xcc "-fmodule-map-file=$PWD/Sources/COpenSSL/module.modulemap"
    -Xcc "-fmodule-map-file=$work/shim/module.modulemap")
[ "$kind" = generator ] || flags+=(-sanitize=fuzzer)

module() { # NAME SOURCES...: one module as one object
    local name=$1
    shift
    swiftc "${flags[@]}" -module-name "$name" -emit-module -emit-module-path "$work/$name.swiftmodule" \
        -c -o "$work/$name.o" "$@"
}

# Of the mesh's own library only the names and the witness: what Identity imports.
mapfile -t crdt < <(find Sources/CRDT -name '*.swift' | sort)
mapfile -t names < <(find Sources/Spanner/Identity -name '*.swift' | sort)
mapfile -t identity < <(find Sources/Identity -name '*.swift' | sort)
module CRDT "${crdt[@]}"
module Spanner "${names[@]}" Sources/Spanner/Roster/{Witness,RosterLimits}.swift
module Identity "${identity[@]}"
# The toolchain's own compiler, where there is no other.
mkdir -p "$work/c"
for source in Sources/COpenSSLShim/*.c; do
    "$(command -v clang || command -v cc)" -O2 -c -I Sources/COpenSSLShim/include \
        -o "$work/c/$(basename "$source" .c).o" "$source"
done

if [ "$kind" = generator ]; then main=(Fuzz/CertificateFuzz/Generator/*.swift); else main=(Fuzz/CertificateFuzz/Target/*.swift); fi
swiftc "${flags[@]}" -module-name CertificateFuzz "${main[@]}" "$work"/{CRDT,Spanner,Identity}.o "$work"/c/*.o \
    -lcrypto -lsodium -o "$output"
