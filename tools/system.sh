#!/bin/sh
# What the tests need from the system beside Python: Chromium, curl, openssl, and `useradd` when run as root.
# Installs it on Debian as root; anywhere else prints the command and stops.
set -eu

say() { printf '%s\n' "$*" >&2; }

has_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        command -v google-chrome >/dev/null 2>&1
}

say "The tests need from the system: Chromium, curl, openssl, and useradd when run as root. The C.UTF-8 locale is part"
say "of Debian; PostgreSQL, Valkey and the mail server come with the Python environment and listen on loopback only; so"
say "does Node, whose packages the tests fetch once, by their hashes."

missing=
has_chromium || missing="chromium fonts-dejavu-core"
# The commands of docs/how-to/curl.md are tried as they are printed.
for program in curl openssl; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
# PostgreSQL never runs as root: the tests then make it a system user of its own.
[ "$(id -u)" != 0 ] || command -v useradd >/dev/null 2>&1 || missing="$missing passwd"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing from Debian:" $missing
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of package names
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing; } >&2
    exit 0
fi
say "Missing here:" $missing
say "On Debian or Ubuntu: sudo apt-get install" $missing
exit 1
