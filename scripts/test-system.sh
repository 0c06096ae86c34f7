#!/usr/bin/env bash
# The tests that need more than Node and npm: root, a real redis-server, a real etcd, strace, tmpfs, network namespaces.
# Installs from Debian what is missing, and fails if it cannot: nothing is skipped. `npm run test:system`; further
# arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "test:system: $1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "needs root, to mount file systems of its own; run it with sudo or in a container"

# command → Debian package
declare -A packages=(
  [etcd]=etcd-server
  [etcdctl]=etcd-client
  [redis-server]=redis-server
  [strace]=strace
  [mount]=mount
  [setpriv]=util-linux
  [ip]=iproute2
  [iptables]=iptables
)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done

if ((${#missing[@]} > 0)); then
  command -v apt-get >/dev/null || fail "${missing[*]} are missing, and there is no apt-get to install them"
  echo "test:system: installing ${missing[*]}" >&2
  # Debian starts a service as soon as it is installed, unless this file forbids it; the tests start their own servers.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq >/dev/null || fail "apt-get update failed; is Debian's archive reachable?"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install ${missing[*]}"
  for command in "${!packages[@]}"; do
    command -v "$command" >/dev/null || fail "$command is still missing"
  done
fi

# After `npm test` this has nothing left to do.
[ -e packages/cli/dist/main.js ] || npm run setup
npx --no-install tsc -b packages
# Not `exec`: the trap above has to run.
npx --no-install vitest run --config vitest.system.config.ts "$@"
