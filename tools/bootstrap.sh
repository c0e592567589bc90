#!/bin/sh
# Makes or refreshes the environment in .venv: `tools/bootstrap.sh run` for the demo, `dev` for tests and checks.
# Does nothing, in a few milliseconds, when what it installed last is still what the repository asks for.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
kind=${1:-run}
venv=.venv

say() { printf '%s\n' "$@" >&2; }

fail() { say "$@"; exit 1; }

is_debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
    say "Installing from Debian: $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@"; } >&2
}

# A Python that is new enough; with `ensurepip` among the arguments, one that can also make an environment.
works() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
    [ "${2:-}" != ensurepip ] || "$1" -c 'import venv, ensurepip' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if command -v "$candidate" >/dev/null 2>&1 && works "$candidate" "$@"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

# Debian keeps venv in a package of its own, named for the exact version.
venv_package() {
    python=$(find_python) || { printf 'python3 python3-venv\n'; return; }
    "$python" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))'
}

make_environment() {
    if ! find_python ensurepip >/dev/null; then
        packages=$(venv_package)
        is_debian_root || fail \
            "Parvis needs Python 3.11 or newer, with its venv module." \
            "On Debian or Ubuntu: sudo apt-get install $packages" \
            "Elsewhere: install Python from your system, or name one: make PYTHON=/path/to/python3.12 …"
        # shellcheck disable=SC2086  # a list of package names
        apt_install $packages
    fi
    python=$(find_python ensurepip) || fail "No Python 3.11 or newer here. Name one: make PYTHON=/path/to/python3.12 …"
    say "Making the environment in $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
    printf '%s\n' "$root" >"$venv/.parvis-place"
}

# An environment holds absolute paths: one that was moved or copied with its folder is made again.
is_usable() {
    "$venv/bin/python" -c 'import pip' 2>/dev/null || return 1
    [ ! -e "$venv/.parvis-place" ] || [ "$(cat "$venv/.parvis-place")" = "$root" ]
}

wanted() {
    { "$venv/bin/python" -V; cat "requirements/$1.txt"; } | sha256sum
}

holds() { [ "$(cat "$venv/.parvis-$1" 2>/dev/null)" = "$(wanted "$1")" ]; }

install_requirements() {
    say "Installing requirements/$kind.txt, every file checked against its hash (about a minute the first time) …"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "requirements/$kind.txt"
    wanted "$kind" >"$venv/.parvis-$kind"
}

# The package itself, from this folder. Hatchling comes with the requirements: nothing unpinned is fetched.
install_package() {
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
    sha256sum pyproject.toml >"$venv/.parvis-package"
}

case $kind in run | dev) ;; *) fail "usage: tools/bootstrap.sh run|dev" ;; esac

is_usable || make_environment
if ! holds dev && ! { [ "$kind" = run ] && holds run; }; then
    install_requirements
    rm -f "$venv/.parvis-package"
fi
sha256sum --status -c "$venv/.parvis-package" 2>/dev/null || install_package
