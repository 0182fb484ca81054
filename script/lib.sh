# Shared by the scripts in this folder; sourced, never run.
# Gives: the repository's root as working directory, one set of build flags, `say`, `phase`.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One value in every script: a different one would make SwiftPM compile our targets again.
export BOLT_WARNINGS="${BOLT_WARNINGS-error}"
swift_flags=(--explicit-target-dependency-import-check error)

# say TEXT: what the script does, on standard error, so that standard output stays data.
say() { printf '==> %s\n' "$*" >&2; }

# fail WHAT WHY NEXT: an error of three lines, then the end.
fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '  why:  %s\n' "$2" >&2
    [ -z "${3:-}" ] || printf '  next: %s\n' "$3" >&2
    exit 1
}

# phase NAME COMMAND...: runs it, says how long it took, keeps its exit code.
phase() {
    local name=$1 started=$SECONDS code=0
    shift
    say "$name: $*"
    "$@" || code=$?
    if [ "$code" -eq 0 ]; then
        say "$name: done in $((SECONDS - started)) s"
    else
        say "$name: FAILED with exit code $code after $((SECONDS - started)) s"
    fi
    return "$code"
}

# has_product NAME: whether Package.swift declares an executable target of that name.
has_product() { grep -Eq "name: \"$1\"" Package.swift; }
