#!/usr/bin/env bash
# Installs Debian's nats-server where there is none and this user may. Tests that need it are skipped without it, with
# this script's name as the reason.
set -euo pipefail

if command -v nats-server >/dev/null || [ -x /usr/sbin/nats-server ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "nats-server is not installed, and this user cannot install Debian's: shared ordering is not tested here." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends nats-server >/dev/null
# Networks start servers of their own, with their own settings.
if [ -d /run/systemd/system ]; then
  systemctl disable --now nats-server.service >/dev/null 2>&1 || true
fi
