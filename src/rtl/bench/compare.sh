#!/bin/sh
# Compares out/ with expect/: all files, or those named.
# Usage: sh compare.sh [acc.hex ...]
# Exit code 0 equal, 1 different.
cd "$(dirname "$0")" || exit 1
status=0
[ $# -gt 0 ] || set -- $(ls expect)
for name in "$@"; do
    if ! cmp -s "expect/$name" "out/$name"; then
        echo "different: expect/$name out/$name (expected <, got >)"
        diff "expect/$name" "out/$name" | head -n 5
        status=1
    fi
done
[ $status = 0 ] && echo "equal: $*"
exit $status
