# For scripts that install what some tests need: source it, after `set -euo pipefail`.

# Installs a package of Debian's where this user may. Otherwise says why not, and ends the script that asks without a
# failure: tests that need the package are skipped without it, with that script's name as the reason.
# $1 the package, $2 what is not installed, $3 what is not tested then
install_debian_package() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$2 is not installed, and this user cannot install Debian's: $3." >&2
    exit 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}
