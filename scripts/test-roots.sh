#!/usr/bin/env bash
# Makes the guest roots that the tests run real programs in: .cache/roots/ARCH. Quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

# A root: its architecture and its packages, of one release, so that all print the same. A changed list makes it anew.
packages='busybox-static lua5.4 coreutils bash dash grep sed gawk findutils diffutils sqlite3 bc dc python3-minimal python3 perl-base gzip bzip2 xz-utils zstd tar file jq openssl make git redis-server redis-tools libpython3.13-testsuite nginx-light lighttpd curl strace gdbserver tcl ruby ripgrep'

make_root() {
  local arch=$1 packages=$2 dir=.cache/roots/$1
  local stamp="users $packages"
  [[ -f $dir/.packages && $(<"$dir/.packages") == "$stamp" ]] && return
  echo "Making $dir ..." >&2
  rm -rf "$dir.new"
  mkdir -p .cache/roots
  # shellcheck disable=SC2086 # a list of words
  SUITE=trixie scripts/guest-root.sh "$arch" "$dir.new" $packages
  # As base-passwd's installation would: servers look for nobody
  cp "$dir.new/usr/share/base-passwd/passwd.master" "$dir.new/etc/passwd"
  cp "$dir.new/usr/share/base-passwd/group.master" "$dir.new/etc/group"
  echo 'sage' >"$dir.new/etc/hostname"
  # Under chroot there is no other /dev.
  mknod -m 666 "$dir.new/dev/null" c 1 3 2>/dev/null || : >"$dir.new/dev/null"
  mknod -m 666 "$dir.new/dev/zero" c 1 5 2>/dev/null || true
  mknod -m 666 "$dir.new/dev/urandom" c 1 9 2>/dev/null || true
  echo "$stamp" >"$dir.new/.packages"
  rm -rf "$dir"
  mv "$dir.new" "$dir"
}

# esbuild for each machine, a Go program, of the version that builds SAGE: .cache/esbuild/ARCH/bin/esbuild.
get_esbuild() {
  local arch=$1 name=$2 dir=.cache/esbuild/$1 version archive
  version=$(node_modules/.bin/node -p 'require("./node_modules/esbuild/package.json").version')
  [[ -f $dir/.version && $(<"$dir/.version") == "$version" ]] && return
  echo "Fetching esbuild for $arch ..." >&2
  rm -rf "$dir"
  mkdir -p "$dir"
  archive=$(npm pack --silent --pack-destination "$dir" "@esbuild/$name@$version")
  tar -xzf "$dir/$archive" -C "$dir" --strip-components=1
  rm "$dir/$archive"
  echo "$version" >"$dir/.version"
}

get_esbuild riscv64 linux-riscv64
get_esbuild arm64 linux-arm64
get_esbuild amd64 linux-x64

make_root riscv64 "$packages"
make_root arm64 "$packages tcc libc6-dev"
make_root amd64 "$packages tcc libc6-dev"

# qemu-user and the files that the programs read, inside
node_modules/.bin/node --input-type=module -e 'import { prepareRoots } from "./tests/programs/root.ts"; prepareRoots();'
