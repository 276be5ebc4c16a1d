#!/usr/bin/env bash
# Installs Debian's AWS command line where there is none and this user may. Tests that need it are skipped without it,
# with this script's name as the reason.
set -euo pipefail

if command -v aws >/dev/null && aws --version >/dev/null 2>&1; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The AWS command line is not installed, and this user cannot install Debian's: it is not tested here." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends awscli >/dev/null
