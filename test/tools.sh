#!/usr/bin/env bash
# Installs the programs of test/tools.txt into .cache/tools, once for each version of that file.
# Needs python3 with venv, and go.
set -euo pipefail
cd "$(dirname "$0")/.."

list=test/tools.txt
tools=.cache/tools

cmp -s "$list" "$tools/installed.txt" && exit 0
rm -rf "$tools"
python3 -m venv "$tools"
grep '==' "$list" | "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement /dev/stdin
# Every command of this module is called "cmd".
GOBIN="$PWD/$tools/go" go install "$(grep '@v' "$list")"
mv "$tools/go/cmd" "$tools/bin/compose-go"
cp "$list" "$tools/installed.txt"
