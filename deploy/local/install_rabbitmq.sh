#!/bin/sh
# Install Debian's RabbitMQ for private use: no system broker is started, neither now nor at the next boot.
# Run as root. A policy-rc.d of the machine's own comes back afterwards.
set -eu
policy=/usr/sbin/policy-rc.d
kept=$policy.before-healthmon

restore() {
  rm -f "$policy"
  if [ -e "$kept" ]; then mv "$kept" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP

if [ -e "$policy" ] && [ ! -e "$kept" ]; then mv "$policy" "$kept"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --no-install-recommends rabbitmq-server >/dev/null
if command -v systemctl >/dev/null; then systemctl disable --quiet rabbitmq-server || true; fi
