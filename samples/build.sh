#!/usr/bin/env bash
# Builds the samples for a guest ISA from samples/src: samples/build.sh [riscv64|aarch64|x86_64]. The results are committed.
set -euo pipefail
cd "$(dirname "$0")"

isa=${1:-riscv64}
case $isa in
  riscv64) cc=(riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d) ;;
  aarch64) cc=(aarch64-linux-gnu-gcc -Wl,-z,max-page-size=4096) ;;
  x86_64) cc=(x86_64-linux-gnu-gcc -fcf-protection=none) ;;
  *) echo "build.sh: no compiler known for $isa" >&2; exit 2 ;;
esac
common=(-Os -g0 -Wall -Wextra -Werror -s -Wl,--build-id=none -Wl,--gc-sections)
tiny=(-static -nostdlib -nostartfiles -ffreestanding -fno-pie -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-tree-loop-distribute-patterns -Wl,-z,norelro -Wl,-z,noexecstack)

for name in echo cat recursion fenv interpreter faults; do
  "${cc[@]}" "${common[@]}" "${tiny[@]}" "src/$name.c" -o "$name-$isa"
done
# Its code must be in a segment of its own that is not writable.
"${cc[@]}" "${common[@]}" "${tiny[@]}" -Wl,-z,separate-code src/crash.c -o "crash-$isa"
"${cc[@]}" "${common[@]}" -static src/hello.c -o "hello-$isa"
"${cc[@]}" "${common[@]}" -static -fno-builtin src/floats.c -lm -o "floats-$isa"
"${cc[@]}" "${common[@]}" -pie -fPIE src/hello-dynamic.c -o "hello-dynamic-$isa"
