#!/usr/bin/env bash
# Installs Debian's SoftHSM, a hardware security module in software, where there is none and this user may, and builds
# pkcs11js, through which Fabric's client library speaks to it. Tests that need them are skipped without them, with this
# script's name as the reason. Runs after the packages of node_modules are there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian-package.sh

has_softhsm() {
  compgen -G '/usr/lib/softhsm/libsofthsm2.so' >/dev/null || compgen -G '/usr/lib/*/softhsm/libsofthsm2.so' >/dev/null
}
has_softhsm || install_debian_package softhsm2 SoftHSM "keys in an HSM are not tested here"

# The package manager runs no build scripts but those that the workspace names: most users have no compiler and no HSM.
if ! package=$(cd test && node -p 'require.resolve("pkcs11js/package.json")' 2>/dev/null); then
  echo "pkcs11js is not installed: keys in an HSM are not tested here." >&2
  exit 0
fi
module=$(dirname "$package")
if ! (cd "$module" && node -e 'require("./build/Release/pkcs11.node")') 2>/dev/null; then
  node_gyp="$(npm root -g 2>/dev/null)/npm/node_modules/node-gyp/bin/node-gyp.js"
  # Node's headers come with most installations; node-gyp downloads them otherwise.
  prefix=$(node -p 'require("path").resolve(fs.realpathSync(process.execPath), "../..")')
  headers=()
  if [ -f "$prefix/include/node/node_api.h" ]; then headers=(--nodedir="$prefix"); fi
  if ! (cd "$module" && node "$node_gyp" rebuild --loglevel=error "${headers[@]}" >/dev/null 2>&1); then
    echo "pkcs11js cannot be built here, which needs a C++ compiler and Python: keys in an HSM are not tested here." >&2
  fi
fi
