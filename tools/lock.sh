#!/bin/sh
# Pins every requirement with its hashes from pyproject.toml: `tools/lock.sh`, or `tools/lock.sh --upgrade`.
# The files name no package index, so that each site installs from its own.
set -eu

cd "$(dirname -- "$0")/.."
if ! command -v uv >/dev/null 2>&1; then
    [ -x var/lock/bin/uv ] || { python3 -m venv var/lock && var/lock/bin/python -m pip install --quiet uv; }
    PATH="$PWD/var/lock/bin:$PATH"
fi

pin() {
    output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        pyproject.toml --extra demo --group build "$@" --output-file "$output" >/dev/null
}

pin requirements/run.txt "$@"
pin requirements/dev.txt --group dev "$@"
