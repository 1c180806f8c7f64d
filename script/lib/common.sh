# SPDX-License-Identifier: MIT
# Sourced by the scripts beside it: where the project is, and how they speak.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Prints the comment block at the top of the script, which is its manual.
help_of() { sed -n '3,/^[^#]/{/^[^#]/d;/^$/d;s/^# \{0,1\}//;p}' "$1"; }

# The first of these commands that runs at all (Ubuntu's chromium-browser is a stub that only asks for a snap).
first_running() {
    local candidate
    for candidate in "$@"; do
        if "$candidate" --version >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

find_chromium() { first_running ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; }

node_major() { node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p'; }
