#!/usr/bin/env bash
# Installs Debian's AWS command line where there is none and this user may. Tests that need it are skipped without it,
# with this script's name as the reason.
set -euo pipefail
. "$(dirname "$0")/debian-package.sh"

if command -v aws >/dev/null && aws --version >/dev/null 2>&1; then
  exit 0
fi
install_debian_package awscli "The AWS command line" "it is not tested here"
