/** What a program file says of itself, whatever its format. Addresses and sizes are bytes, as numbers exact below 2^53. */
export interface Image {
  readonly format: string;
  /** Ours where SAGE has or plans a rulebook ("riscv64", "aarch64", "x86_64", ...), else the machine's own name. */
  readonly isa: string;
  /** "linux", "freebsd", ...; what the file leaves open is "linux" with `osEvidence` "default". */
  readonly os: string;
  readonly osEvidence: "note" | "header" | "interpreter" | "default";
  /** Calling convention and float ABI ("lp64d", "eabihf", "x32"), "" where the format does not say. */
  readonly abi: string;
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly type: ImageType;
  /** Address of the first instruction; 0 where there is none. */
  readonly entry: number;
  /** What is mapped, in ascending address order. */
  readonly segments: readonly Segment[];
  /** Path of the dynamic linker, where one is asked for. */
  readonly interpreter: string | undefined;
  /** The program headers: where they lie in the file, and the address at which a segment maps them (undefined: none does). */
  readonly phdr: ProgramHeaders;
  readonly tls: TlsTemplate | undefined;
  /** PROT bits asked for the stack; undefined where the file does not say. */
  readonly stackProt: number | undefined;
  /** What is odd but no reason to refuse: one line each. */
  readonly warnings: readonly string[];
  readonly bytes: Uint8Array;

  // Read when asked for; each throws a SageError where the file lies.
  dynamic(): Dynamic;
  sections(): readonly Section[];
  symbols(): readonly SymbolEntry[];
  notes(): readonly Note[];
}

export type ImageType = "exec" | "pie" | "shared" | "relocatable" | "core" | "other";

export interface Segment {
  readonly address: number;
  /** Bytes in memory; those after `fileSize` are zero. */
  readonly memorySize: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
  readonly prot: number;
}

export interface ProgramHeaders {
  readonly offset: number;
  readonly address: number | undefined;
  readonly entrySize: number;
  readonly count: number;
}

export interface TlsTemplate {
  readonly address: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** What the dynamic linker is told. */
export interface Dynamic {
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly runpath: string | undefined;
  /** The linker marked it a program (DF_1_PIE). */
  readonly pie: boolean;
}

export interface Section {
  readonly name: string;
  /** SHT_ number of ELF. */
  readonly type: number;
  readonly address: number;
  readonly fileOffset: number;
  /** Bytes; of no file bytes where `type` is 8 (NOBITS). */
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
  readonly prot: number;
}

export interface SymbolEntry {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly kind: "none" | "object" | "function" | "section" | "file" | "tls" | "other";
  readonly binding: "local" | "global" | "weak" | "other";
  /** False: imported. */
  readonly defined: boolean;
}

export interface Note {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
}

/** The file's bytes of an address, as far as its segment has some; undefined where no segment does. */
export function bytesAt(image: Image, address: number): Uint8Array | undefined {
  for (const segment of image.segments) {
    const into = address - segment.address;
    if (into < 0 || into >= segment.fileSize) continue;
    return image.bytes.subarray(segment.fileOffset + into, segment.fileOffset + segment.fileSize);
  }
  return undefined;
}
