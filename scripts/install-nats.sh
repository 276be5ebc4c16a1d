#!/usr/bin/env bash
# Installs Debian's nats-server where there is none and this user may. Tests that need it are skipped without it, with
# this script's name as the reason.
set -euo pipefail
. "$(dirname "$0")/debian-package.sh"

if command -v nats-server >/dev/null || [ -x /usr/sbin/nats-server ]; then
  exit 0
fi
install_debian_package nats-server nats-server "shared ordering is not tested here"
# Networks start servers of their own, with their own settings.
if [ -d /run/systemd/system ]; then
  systemctl disable --now nats-server.service >/dev/null 2>&1 || true
fi
