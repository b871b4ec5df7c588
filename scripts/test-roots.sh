#!/usr/bin/env bash
# Makes the guest roots that the tests run real programs in: .cache/roots/ARCH. Quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

# A root: its architecture and its packages. A changed list makes the root anew.
packages='busybox-static lua5.4 coreutils bash dash grep sed gawk findutils diffutils sqlite3 bc dc python3-minimal python3 perl-base gzip bzip2 xz-utils zstd tar file jq openssl make git redis-server redis-tools'

make_root() {
  local arch=$1 packages=$2 dir=.cache/roots/$1
  [[ -f $dir/.packages && $(<"$dir/.packages") == "$packages" ]] && return
  echo "Making $dir ..." >&2
  rm -rf "$dir.new"
  mkdir -p .cache/roots
  # shellcheck disable=SC2086 # a list of words
  scripts/guest-root.sh "$arch" "$dir.new" $packages
  echo 'root:x:0:0:root:/root:/bin/sh' >"$dir.new/etc/passwd"
  echo 'root:x:0:' >"$dir.new/etc/group"
  echo 'sage' >"$dir.new/etc/hostname"
  mknod -m 666 "$dir.new/dev/null" c 1 3 2>/dev/null || : >"$dir.new/dev/null" # qemu-user under chroot sees no other /dev
  echo "$packages" >"$dir.new/.packages"
  rm -rf "$dir"
  mv "$dir.new" "$dir"
}

make_root riscv64 "$packages"
make_root arm64 "$packages tcc libc6-dev"
make_root amd64 "$packages tcc libc6-dev"

# qemu-user and the files that the programs read, inside
node_modules/.bin/node --input-type=module -e 'import { prepareRoots } from "./tests/programs/root.ts"; prepareRoots();'
