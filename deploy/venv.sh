#!/usr/bin/env bash
# Makes .venv, or brings it up to date: `venv.sh runtime` for the packages alone, `venv.sh dev`
# with the tools of a developer as well. Does nothing if nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/common.sh

kind=${1:-dev}
python=${PYTHON:-python3}
packages=(proto services/server services/client)
files=(constraints.txt requirements-dev.txt proto/pyproject.toml services/*/pyproject.toml)
wanted=$(cat "${files[@]}" | cksum)

is() { [ -e ".venv/$1" ] && [ "$(<".venv/$1")" = "$2" ]; }
# An environment is tied to its place and to its Python: when either has gone, it is made anew.
works() { is ringchat-place "$PWD" && .venv/bin/python -c '' 2>/dev/null; }
is_made() { is "ringchat-$1" "$wanted" && works; }
if is_made dev || is_made "$kind"; then
    exit
fi

needed='Ringchat needs Python 3.11 or later (PYTHON= names it)'
have "$python" || die "$needed; there is no $python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || die "$needed; this is $("$python" --version 2>&1)"
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || die "$python cannot make environments; on Debian: apt-get install python3-venv"

say "installing into .venv ($kind)"
works || "$python" -m venv --clear .venv
install() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -qq -c constraints.txt "$@" \
        || die "pip could not install into .venv; what it said is above"
}
# Named here and not left to pip's build isolation, which heeds no constraints.
install setuptools
editable=()
for package in "${packages[@]}"; do
    editable+=(-e "$package")
done
if [ "$kind" = dev ]; then
    install --no-build-isolation "${editable[@]}" -r requirements-dev.txt
else
    install --no-build-isolation "${editable[@]}"
fi
printf '%s\n' "$PWD" >.venv/ringchat-place
printf '%s\n' "$wanted" >".venv/ringchat-$kind"
