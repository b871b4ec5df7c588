#!/usr/bin/env bash
# Installs the Debian packages that the tests compare with. Quick when all are there; needs root or sudo otherwise.
set -euo pipefail

packages=(
  gcc libc6-dev binutils gdbserver qemu-user llvm-19 wabt
  gcc-riscv64-linux-gnu libc6-dev-riscv64-cross binutils-riscv64-linux-gnu
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross binutils-aarch64-linux-gnu
)

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "Installing ${missing[*]} ..." >&2
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "test-tools: install as root: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null
