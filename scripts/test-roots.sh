#!/usr/bin/env bash
# Makes the guest roots that the tests run real programs in: .cache/roots/ARCH. Quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

# A root: its architecture and its packages, of one release, so that all print the same. A changed list makes it anew.
packages='busybox-static lua5.4 coreutils bash dash grep sed gawk findutils diffutils sqlite3 bc dc python3-minimal python3 perl-base gzip bzip2 xz-utils zstd tar file jq openssl make git redis-server redis-tools'

make_root() {
  local arch=$1 packages=$2 dir=.cache/roots/$1
  [[ -f $dir/.packages && $(<"$dir/.packages") == "$packages" ]] && return
  echo "Making $dir ..." >&2
  rm -rf "$dir.new"
  mkdir -p .cache/roots
  # shellcheck disable=SC2086 # a list of words
  SUITE=trixie scripts/guest-root.sh "$arch" "$dir.new" $packages
  echo 'root:x:0:0:root:/root:/bin/sh' >"$dir.new/etc/passwd"
  echo 'root:x:0:' >"$dir.new/etc/group"
  echo 'sage' >"$dir.new/etc/hostname"
  # Under chroot there is no other /dev.
  mknod -m 666 "$dir.new/dev/null" c 1 3 2>/dev/null || : >"$dir.new/dev/null"
  mknod -m 666 "$dir.new/dev/zero" c 1 5 2>/dev/null || true
  mknod -m 666 "$dir.new/dev/urandom" c 1 9 2>/dev/null || true
  echo "$packages" >"$dir.new/.packages"
  rm -rf "$dir"
  mv "$dir.new" "$dir"
}

make_root riscv64 "$packages"
make_root arm64 "$packages tcc libc6-dev"
make_root amd64 "$packages tcc libc6-dev"

# qemu-user and the files that the programs read, inside
node_modules/.bin/node --input-type=module -e 'import { prepareRoots } from "./tests/programs/root.ts"; prepareRoots();'
