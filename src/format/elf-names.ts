/** Names of ELF's numbers: System V gABI, "ELF Header", and the registry of machine numbers kept with it. */

/** ISAs we have a name for: e_machine to name by word size; "-be" is added for the unusual byte order. */
const isas: Readonly<Record<number, { readonly 32?: string; readonly 64?: string; readonly big?: boolean }>> = {
  2: { 32: "sparc", big: true },
  3: { 32: "x86" },
  4: { 32: "m68k", big: true },
  8: { 32: "mips", 64: "mips64", big: true },
  15: { 32: "parisc", big: true },
  20: { 32: "powerpc", big: true },
  21: { 64: "powerpc64", big: true },
  22: { 32: "s390", 64: "s390x", big: true },
  40: { 32: "arm" },
  42: { 32: "sh" },
  43: { 64: "sparc64", big: true },
  50: { 64: "ia64" },
  62: { 32: "x86_64", 64: "x86_64" },
  92: { 32: "openrisc", big: true },
  94: { 32: "xtensa" },
  164: { 32: "hexagon" },
  183: { 32: "aarch64", 64: "aarch64" },
  243: { 32: "riscv32", 64: "riscv64" },
  247: { 64: "bpf" },
  252: { 32: "csky" },
  258: { 32: "loongarch32", 64: "loongarch64" },
  36902: { 64: "alpha" },
};

/** e_machine names from 0 on, in runs: the number of the first, then the names that follow it. "-": reserved. */
const runs: readonly (readonly [number, string])[] = [
  [
    0,
    "none m32 sparc 386 68k 88k iamcu 860 mips s370 mips-rs3-le - - - - parisc - vpp500 sparc32plus 960 ppc ppc64 s390 spu",
  ],
  [
    36,
    "v800 fr20 rh32 rce arm fake-alpha sh sparcv9 tricore arc h8-300 h8-300h h8s h8-500 ia-64 mips-x coldfire 68hc12",
  ],
  [
    54,
    "mma pcp ncpu ndr1 starcore me16 st100 tinyj x86-64 pdsp pdp10 pdp11 fx66 st9plus st7 68hc16 68hc11 68hc08 68hc05",
  ],
  [
    73,
    "svx st19 vax cris javelin firepath zsp mmix huany prism avr fr30 d10v d30v v850 m32r mn10300 mn10200 pj openrisc",
  ],
  [93, "arc-compact xtensa videocore tmm-gpp ns32k tpc snp1k st200 ip2k max cr f2mc16 msp430 blackfin se-c33 sep arca"],
  [110, "unicore excess dxp nios2 crx xgate c166 m16c dspic30f ce m32c"],
  [
    131,
    "tsk3000 rs08 sharc ecog2 score7 dsp24 videocore3 latticemico32 se-c17 ti-c6000 ti-c2000 ti-c5500 ti-arp32 ti-pru",
  ],
  [
    160,
    "mmdsp-plus cypress-m8c r32c trimedia qdsp6 8051 stxp7x nds32 ecog1x maxq30 ximo16 manik craynv2 rx metag elbrus",
  ],
  [176, "ecog16 cr16 etpu sle9x l10m k10m - aarch64 - avr32 stm8 tile64 tilepro microblaze cuda tilegx cloudshield"],
  [193, "corea-1st corea-2nd arcv2 open8 rl78 videocore5 78kor 56800ex ba1 ba2 xcore mchp-pic intelgt"],
  [210, "km32 kmx32 emx16 emx8 kvarc cdp coge cool norc csr-kalimba z80 visium ft32 moxie amdgpu"],
  [243, "riscv - - - bpf - - - - csky"],
  [258, "loongarch"],
  [0x9026, "alpha"],
];

/** The machine's name, "machine-N" where N has none. */
export function machineName(machine: number): string {
  for (const [first, names] of runs) {
    const name = machine < first ? undefined : names.split(" ")[machine - first];
    if (name !== undefined && name !== "-") return name;
  }
  return `machine-${machine}`;
}

/** Our name of the ISA, else the machine's. */
export function isaName(machine: number, bits: 32 | 64, littleEndian: boolean): string {
  const row = isas[machine];
  const name = row?.[bits];
  if (!row || !name) return machineName(machine);
  return littleEndian === !row.big ? name : `${name}${littleEndian ? "-le" : "-be"}`;
}

/** EI_OSABI values that name an OS; 0 (System V) and 3 (GNU) are what Linux programs carry. */
const osabis: Readonly<Record<number, string>> = {
  1: "hpux",
  2: "netbsd",
  3: "linux",
  4: "hurd",
  6: "solaris",
  7: "aix",
  8: "irix",
  9: "freebsd",
  10: "tru64",
  11: "modesto",
  12: "openbsd",
  13: "openvms",
  14: "nsk",
  15: "aros",
  16: "fenixos",
  17: "cloudabi",
  18: "openvos",
};
export function osOfAbi(osabi: number): string | undefined {
  return osabis[osabi];
}

/** OS by note: owner's name, and for GNU's ABI tag (type 1) the first word of its data. */
export function osOfNote(name: string, type: number, data: Uint8Array): string | undefined {
  if (type !== 1) return undefined;
  if (name === "GNU") return ["linux", "hurd", "solaris", "freebsd"][data[0]! + data[3]!];
  return { FreeBSD: "freebsd", NetBSD: "netbsd", OpenBSD: "openbsd", DragonFly: "dragonfly", Android: "android" }[name];
}

/** OS by the dynamic linker's path. */
export function osOfInterpreter(path: string): string | undefined {
  if (path.startsWith("/system/bin/linker")) return "android";
  if (path.startsWith("/libexec/ld-elf")) return "freebsd";
  if (path.startsWith("/usr/libexec/ld.so")) return "openbsd";
  if (path.startsWith("/usr/libexec/ld.elf_so")) return "netbsd";
  if (/\/ld-(linux|musl|uClibc)|\/ld(64)?\.so\.\d$/.test(path)) return "linux";
  return undefined;
}

/** ABI from e_flags, by machine (each machine's psABI supplement). "" where the flags say nothing. */
export function abiName(machine: number, bits: 32 | 64, flags: number): string {
  switch (machine) {
    case 243: {
      // RISC-V psABI, "File Header": bits 1-2 float ABI, bit 3 RVE
      const float = ["", "f", "d", "q"][(flags >>> 1) & 3]!;
      return `${bits === 64 ? "lp64" : "ilp32"}${flags & 8 ? "e" : ""}${float}`;
    }
    case 40: // AAELF32: the top byte is the EABI version, 0x400 hard float
      return flags >>> 24 ? `eabi${flags & 0x400 ? "hf" : ""}` : "oabi";
    case 62:
      return bits === 32 ? "x32" : "sysv";
    case 183:
      return bits === 32 ? "ilp32" : "lp64";
    case 21:
      return (flags & 3) === 2 ? "elfv2" : "elfv1";
    case 8:
      return flags & 0x20 ? "n32" : bits === 64 ? "n64" : "o32";
    case 258:
      return `${bits === 64 ? "lp64" : "ilp32"}${["", "s", "f", "d"][flags & 3]}`;
    default:
      return "";
  }
}
