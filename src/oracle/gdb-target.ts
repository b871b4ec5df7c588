import { type Field, OracleError, type Window } from "./oracle.ts";
import { ascii, binary, fromHex, type Rsp, text, toHex } from "./rsp.ts";
import { codePointers, includesOf, type Register, readMemoryMap, readTarget, type Target } from "./target.ts";

/** What names mean that descriptions of known machines use; for all others a register is what its description says. */
interface Known {
  readonly isa: string;
  readonly little: boolean;
  readonly align: number;
  /** Change how the machine executes, or belong to the operating system: kept as they are found. */
  readonly system: RegExp;
  /** A store of one byte to the address in a register. qemu-user lets nobody but the program write where it executed. */
  readonly store: { readonly code: Uint8Array; readonly base: string };
  /** Registers that GDB has another name for than assemblers. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Bits of a packed register, for descriptions that do not name them. */
  readonly flags?: Readonly<Record<string, Register["flags"]>>;
}
const KNOWN: Readonly<Record<string, Known>> = {
  "riscv:rv64": {
    isa: "riscv64",
    little: true,
    align: 2,
    system: /^(?!(zero|ra|[sgtf]p|[sat]\d+|f[tsa]\d+|fflags|frm|pc)$).*$/,
    store: { code: Uint8Array.of(0x23, 0x00, 0x01, 0x00), base: "sp" },
    rename: { fp: "s0" },
  },
  aarch64: {
    isa: "aarch64",
    little: true,
    align: 4,
    system: /^(SP|EL|nRW|IL|SS|PAN|UAO|DIT|TCO|SSBS|BTYPE|D|A|I|F|M|pauth_.*|vg|tpidr\d*)$/,
    store: { code: Uint8Array.of(0x3f, 0x00, 0x00, 0x39), base: "x1" },
    flags: { cpsr: ["V", "C", "Z", "N"].map((name, i) => ({ name, start: 28 + i, end: 28 + i })) },
  },
  "i386:x86-64": {
    isa: "x86_64",
    little: true,
    align: 1,
    system:
      /^(TF|IF|IOPL|NT|RF|VM|AC|VIF|VIP|ID|[c-gs]s|[fg]s_base|orig_rax|k_gs_base|cr\d|efer|pkru|fctrl|ftag|fop|fi.*|fo.*|k\d|[xyz]mm\d+h?|st\d|fstat|[IDZOUP][EM]|DAZ|FZ)$/,
    store: { code: Uint8Array.of(0x88, 0x04, 0x24), base: "rsp" },
  },
};

/** A register where it stands in records (and, the first ones, in `g`: the same bytes, or each turned round). */
export interface Placed {
  readonly register: Register;
  readonly offset: number;
  readonly bytes: number;
}

/** Everything there is to know of a stub before its first case. */
export interface StubTarget {
  readonly known: Known | undefined;
  readonly little: boolean;
  /** Registers of `g` in its order, then those beyond it that only `p` and `P` reach. */
  readonly inBlock: readonly Placed[];
  readonly beyond: readonly Placed[];
  readonly blockBytes: number;
  readonly recordBytes: number;
  readonly pc: Placed;
  readonly fields: readonly Field[];
  readonly code: Window;
  readonly data: Window | null;
  readonly features: Features;
  /** The record as it was found, little-endian. */
  readonly found: Uint8Array;
  /** Where memory that was executed can only be written by the program itself: its store, and its address register. */
  readonly unlock: { readonly at: bigint; readonly base: Placed } | undefined;
}

export interface Features {
  /** `X` is understood. */
  readonly binary: boolean;
  /** `G` is understood; otherwise each register goes by `P`. */
  readonly block: boolean;
  readonly step: string;
  readonly packet: number;
  readonly unitsPerByte: number;
}

const WINDOW = 960;
export const DATA_BYTES = 256;
/** Fits words of 8, 16, 24, 32, 40, 48, 64 bits: cases may begin at any multiple of it from a place that was executed. */
export const ORIGIN_STEP = 240;
/** Each register beyond `g` costs a case two questions; where there are more than these, they are left alone. */
const BEYOND_MOST = 8;

const garbage = (what: string): OracleError => new OracleError("ORACLE_GARBAGE", what);

/** Where an earlier session had its windows: the same again, if they can be had. */
export interface Places {
  readonly code: bigint;
  readonly data: bigint | undefined;
}

/** Asks a stub for all of it. Throws OracleError. */
export async function exploreStub(rsp: Rsp, places?: Places): Promise<StubTarget> {
  const offered = await rsp.askText("qSupported:multiprocess-;swbreak-;hwbreak-;qRelocInsn-;xmlRegisters=i386");
  const packet = Number.parseInt(/PacketSize=([0-9a-fA-F]+)/.exec(offered)?.[1] ?? "400", 16) || 0x400;
  if (offered.includes("QStartNoAckMode+") && (await rsp.askText("QStartNoAckMode")) === "OK") rsp.stopAcks();
  const stopped = await rsp.askText("?");
  if (/^[WX]/.test(stopped)) throw new OracleError("ORACLE_DIED", "the stub's program has ended");
  const documents = offered.includes("qXfer:features:read+") ? await description(rsp, packet) : [];
  let target: Target = readTarget(documents);
  const block = fromHex(await rsp.ask("g")) ?? new Uint8Array(0);
  if (target.registers.length === 0) target = { ...target, registers: await countRegisters(rsp) };
  if (target.registers.length === 0) throw garbage("a stub that tells of no registers");
  const known = target.architecture === undefined ? undefined : KNOWN[target.architecture];
  const registers = target.registers.map((r) =>
    r.flags.length === 0 ? { ...r, flags: known?.flags?.[r.name] ?? [] } : r,
  );
  const { inBlock, beyond, blockBytes, recordBytes } = place(registers, block.length, known);
  if (inBlock.length + beyond.length === 0) throw garbage("a stub whose g has none of its registers");
  const binaryWrites = (await rsp.askText("X0,0:")) === "OK";
  const step = await stepCommand(rsp);

  // Where each register stands is known; now the order of bytes, and which register is the program counter.
  const placed = [...inBlock, ...beyond];
  const { pc, little } = await findPc(rsp, step, placed, inBlock, documents, known);
  const found = new Uint8Array(recordBytes);
  found.set(turned(fromHex(await rsp.ask("g")) ?? new Uint8Array(blockBytes), inBlock, little).subarray(0, blockBytes));
  for (const p of beyond) found.set(await readRegister(rsp, p, little), p.offset);

  const memory = await windows(rsp, wordOf(found, pc), documents.length > 0 && offered.includes("memory-map:read+"), {
    binary: binaryWrites,
    packet,
    top: 1n << BigInt(Math.min(64, pc.register.bits)),
    hints: placed.filter((p) => /^(sp|rsp|x2)$/i.test(p.register.name)).map((p) => wordOf(found, p)),
    places,
  });
  const settable = await tryRegisters(rsp, placed, inBlock, blockBytes, pc, little, found, known);
  const unlock = await sealed(rsp, step, memory.code.address, placed, known, binaryWrites);
  const blockWrites =
    blockBytes > 0 && (await rsp.askText(`G${toHex(turned(found, inBlock, little).subarray(0, blockBytes))}`)) === "OK";
  return {
    known,
    little,
    inBlock,
    beyond,
    blockBytes,
    recordBytes,
    pc,
    fields: fieldsOf(placed, pc, settable, known),
    code: memory.code,
    data: memory.data,
    features: { binary: binaryWrites, block: blockWrites, step, packet, unitsPerByte: memory.unitsPerByte },
    found,
    unlock,
  };
}

/** A page further than any case's code. */
const APART = 4096n;

/** Whether memory can be written once it was executed, and if not, the way round it. Throws ORACLE_REFUSES without one. */
async function sealed(
  rsp: Rsp,
  step: string,
  code: bigint,
  placed: readonly Placed[],
  known: Known | undefined,
  binaryWrites: boolean,
): Promise<StubTarget["unlock"]> {
  const at = code + APART;
  const base = placed.find((p) => p.register.name === known?.store.base);
  const helped = known !== undefined && (await writable(rsp, at, 16, binaryWrites, 1));
  if (helped) await rsp.ask(writeMemory(at, known.store.code, binaryWrites, 1));
  await rsp.ask(step, true);
  if (await writable(rsp, code, 4, binaryWrites, 1)) return undefined;
  if (helped && base) return { at, base };
  throw new OracleError(
    "ORACLE_REFUSES",
    "the stub writes no memory that was executed, and there is no second page for code",
  );
}

/** The whole of a document that comes in pieces; undefined: there is none. */
async function transfer(rsp: Rsp, object: string, annex: string, packet: number): Promise<string | undefined> {
  let out = "";
  for (;;) {
    const size = Math.max(64, Math.min(packet, 0x1000) - 16);
    const part = await rsp.askText(`qXfer:${object}:read:${annex}:${out.length.toString(16)},${size.toString(16)}`);
    if (!/^[lm]/.test(part)) return out === "" ? undefined : out;
    out += part.slice(1);
    if (part[0] === "l" || part.length === 1) return out;
    if (out.length > 1 << 22) throw garbage("a target description without an end");
  }
}

async function description(rsp: Rsp, packet: number): Promise<string[]> {
  const documents: string[] = [];
  const fetch = async (name: string, depth: number): Promise<void> => {
    const xml = depth > 4 ? undefined : await transfer(rsp, "features", name, packet);
    documents.push(xml ?? "");
    for (const inner of includesOf(xml ?? "")) await fetch(inner, depth + 1);
  };
  await fetch("target.xml", 0);
  return documents;
}

/** Without a description: registers by asking for number after number; a reply's length is a register's size. */
async function countRegisters(rsp: Rsp): Promise<Register[]> {
  const out: Register[] = [];
  for (let number = 0; number < 128; number++) {
    const value = await rsp.ask(`p${number.toString(16)}`);
    const bytes = value.length > 0 && value[0] !== 0x45 ? fromHex(value) : undefined;
    if (bytes === undefined || bytes.length === 0) break;
    out.push({ name: `r${number}`, bits: 8 * bytes.length, number, role: "integer", flags: [] });
  }
  return out;
}

/** Places for registers: those whose bytes `g` has, then the rest as far as they matter. */
function place(registers: readonly Register[], blockBytes: number, known: Known | undefined) {
  const inBlock: Placed[] = [];
  const beyond: Placed[] = [];
  let offset = 0;
  let inside = true;
  const rest: Register[] = [];
  for (const register of registers) {
    const bytes = Math.ceil(register.bits / 8);
    inside &&= offset + bytes <= blockBytes;
    if (inside) {
      inBlock.push({ register, offset, bytes });
      offset += bytes;
    } else rest.push(register);
  }
  const used = offset;
  offset = Math.max(offset, blockBytes);
  const wanted = rest.filter((r) => r.role !== "system" && !known?.system.test(r.name));
  for (const register of wanted.length > BEYOND_MOST ? wanted.filter((r) => r.role === "pc") : wanted) {
    const bytes = Math.ceil(register.bits / 8);
    beyond.push({ register, offset, bytes });
    offset += bytes;
  }
  return { inBlock, beyond, blockBytes: Math.max(used, blockBytes), recordBytes: offset };
}

/** Bytes of `g` as a record's, or back: each register turned round on a big-endian machine. */
export function turned(block: Uint8Array, inBlock: readonly Placed[], little: boolean): Uint8Array {
  const out = block.slice();
  if (!little) for (const { offset, bytes } of inBlock) out.subarray(offset, offset + bytes).reverse();
  return out;
}

function wordOf(record: Uint8Array, p: Placed): bigint {
  let v = 0n;
  for (let i = p.bytes - 1; i >= 0; i--) v = (v << 8n) | BigInt(record[p.offset + i]!);
  return v;
}

export async function readRegister(rsp: Rsp, p: Placed, little: boolean): Promise<Uint8Array> {
  const bytes = fromHex(await rsp.ask(`p${p.register.number.toString(16)}`));
  if (bytes?.length !== p.bytes) return new Uint8Array(p.bytes);
  return little ? bytes : bytes.reverse();
}

export function writeCommand(p: Placed, value: Uint8Array, little: boolean): string {
  return `P${p.register.number.toString(16)}=${toHex(little ? value : value.slice().reverse())}`;
}

async function stepCommand(rsp: Rsp): Promise<string> {
  const offers = await rsp.askText("vCont?");
  // What GDB itself uses where it is offered, and so what works: Debian's gdbserver loops on a plain step at times
  return /^vCont.*;s(;|$)/.test(offers) ? "vCont;s" : "s";
}

/** Sets all of `g`; for a while, steps; the registers before and after tell the program counter from the rest. */
async function findPc(
  rsp: Rsp,
  step: string,
  placed: readonly Placed[],
  inBlock: readonly Placed[],
  documents: readonly string[],
  known: Known | undefined,
): Promise<{ pc: Placed; little: boolean }> {
  const pointers = codePointers(documents);
  const named =
    placed.find((p) => p.register.role === "pc") ??
    placed.find((p) => pointers.length === 1 && p.register.name === pointers[0]);
  if (named && known) return { pc: named, little: known.little };
  const read = async (): Promise<Uint8Array[]> => {
    const block = fromHex(await rsp.ask("g")) ?? new Uint8Array(0);
    const values: Uint8Array[] = [];
    for (const p of placed)
      values.push(inBlock.includes(p) ? block.slice(p.offset, p.offset + p.bytes) : await readRegister(rsp, p, true));
    return values;
  };
  // A small step forward in one order of bytes is a large one in the other; several steps outvote a jump
  const votes = new Map<string, number>();
  let before = await read();
  const vote = (after: Uint8Array[]): void => {
    placed.forEach((p, i) => {
      if (named && p !== named) return;
      for (const little of [true, false]) {
        const delta = number(after[i]!, little) - number(before[i]!, little);
        const near = delta > 0n && delta <= 16n ? 2 : delta < 0n && delta > -4096n ? 1 : 0;
        const key = `${i} ${little}`;
        if (near > 0) votes.set(key, (votes.get(key) ?? 0) + near + (little ? 0.1 : 0));
      }
    });
    before = after;
  };
  for (let n = 0; n < 4; n++) {
    const stop = await rsp.ask(step, true);
    vote(await read());
    if (!/^[TS]05/.test(text(stop))) break;
  }
  // Where it stands is nothing that it executes: other code is put there, until it moves
  let bytes = 1;
  for (let n = 0; named && votes.size === 0 && n < 64; n++) {
    for (const little of [true, false]) {
      const at = number(before[placed.indexOf(named)]!, little);
      for (let i = 0n; i < 8n; i++) {
        const there = fromHex(await rsp.ask(`m${(at + i).toString(16)},1`));
        if (!there || there.length === 0) break;
        const code = there.map(() => (bytes = (Math.imul(bytes, 0x41c64e6d) + 12345) & 0x7fffffff) >>> 16);
        await rsp.ask(`M${(at + i).toString(16)},1:${toHex(code)}`);
      }
    }
    await rsp.ask(step, true);
    vote(await read());
  }
  const best = [...votes].sort((a, b) => b[1] - a[1])[0];
  if (best === undefined) {
    if (named) return { pc: named, little: true };
    throw garbage("no register of the stub behaves as a program counter");
  }
  const [index, little] = best[0].split(" ");
  return { pc: named ?? placed[Number(index)]!, little: little === "true" };
}

function number(bytes: Uint8Array, little: boolean): bigint {
  const list = little ? [...bytes].reverse() : [...bytes];
  return list.reduce((v, b) => (v << 8n) | BigInt(b), 0n);
}

interface MemoryHints {
  readonly binary: boolean;
  readonly packet: number;
  /** Addresses end here. */
  readonly top: bigint;
  readonly hints: readonly bigint[];
  readonly places: Places | undefined;
}

export function writeMemory(address: bigint, bytes: Uint8Array, binaryWrites: boolean, units: number): Uint8Array {
  const head = `${address.toString(16)},${Math.round(bytes.length * units).toString(16)}:`;
  return binaryWrites ? binary(`X${head}`, bytes) : ascii(`M${head}${toHex(bytes)}`);
}

export function readMemoryCommand(address: bigint, bytes: number, units: number): string {
  return `m${address.toString(16)},${Math.round(bytes * units).toString(16)}`;
}

/** Finds memory to put code into and other memory for data: where the program stands, where a map says, by trying. */
async function windows(rsp: Rsp, pc: bigint, hasMap: boolean, hints: MemoryHints) {
  const one = fromHex(await rsp.ask(`m${pc.toString(16)},1`));
  const unitsPerByte = one && one.length > 1 ? 1 / one.length : 1;
  const map = hasMap ? readMemoryMap((await transfer(rsp, "memory-map", "", hints.packet)) ?? "") : [];
  const ram = map.filter((m) => m.ram).map((m) => m.start);
  const units = (bytes: number): bigint => BigInt(Math.round(bytes * unitsPerByte));
  const works = async (address: bigint, bytes: number): Promise<boolean> => {
    if (address < 0n || address + units(bytes) > hints.top) return false;
    const part = Math.min(bytes, Math.max(16, (hints.packet >> 1) - 32));
    for (let at = 0; at < bytes; at += part) {
      if (!(await writable(rsp, address + units(at), Math.min(part, bytes - at), hints.binary, unitsPerByte)))
        return false;
    }
    return true;
  };
  const usual = [
    0x80000000n,
    0x20000000n,
    0x40000000n,
    0x10000n,
    0x8000n,
    0x4000n,
    0x2000n,
    0x1000n,
    0x800n,
    0x400n,
    0n,
  ];
  const round = (a: bigint): bigint => (a / 960n) * 960n;
  // The initial pc is a place where an instruction may begin, whatever the machine thinks of alignment
  const places = [
    ...(hints.places ? [hints.places.code] : []),
    pc,
    ...[...hints.hints.map((h) => h - 16384n), ...ram, ...usual].map((a) => round(a + 959n)),
  ];
  let code: Window | undefined;
  for (const size of [WINDOW, ORIGIN_STEP, 32]) {
    for (const at of places) {
      if (await works(at, size)) {
        code = { address: at, size: Math.round(size * unitsPerByte) };
        break;
      }
    }
    if (code) break;
  }
  if (!code)
    throw new OracleError("ORACLE_REFUSES", "the stub has no memory that can be written: code cannot be put anywhere");
  const end = code.address + BigInt(code.size);
  const apart = (a: bigint): boolean => a >= end + 64n || a + units(DATA_BYTES) + 64n <= code.address;
  const near = [1024n, 4096n, 16384n].flatMap((d) => [end + d, code.address - d - 960n]);
  const before = hints.places?.data === undefined ? [] : [hints.places.data];
  const tried = [...hints.hints.map((h) => h - 4096n), ...near, ...ram, ...usual].map((a) => round(a + 959n));
  for (const at of [...before, ...tried]) {
    if (apart(at) && (await works(at, DATA_BYTES)))
      return { code, data: { address: at, size: Math.round(DATA_BYTES * unitsPerByte) }, unitsPerByte };
  }
  return { code, data: null, unitsPerByte };
}

/** Whether memory keeps what is written to it; what was there is put back. */
async function writable(rsp: Rsp, at: bigint, bytes: number, binaryWrites: boolean, units: number): Promise<boolean> {
  const ask = async (): Promise<Uint8Array | undefined> => {
    const reply = await rsp.ask(readMemoryCommand(at, bytes, units));
    return reply[0] === 0x45 && reply.length === 3 ? undefined : fromHex(reply);
  };
  const before = await ask();
  if (before?.length !== bytes) return false;
  const other = before.map((b) => b ^ 0xa5);
  const wrote = text(await rsp.ask(writeMemory(at, other, binaryWrites, units))) === "OK";
  const after = wrote ? await ask() : undefined;
  await rsp.ask(writeMemory(at, before, binaryWrites, units));
  return after !== undefined && after.length === bytes && after.every((b, i) => b === other[i]);
}

/** By placed register: the bits that keep what is written to them. */
async function tryRegisters(
  rsp: Rsp,
  placed: readonly Placed[],
  inBlock: readonly Placed[],
  blockBytes: number,
  pc: Placed,
  little: boolean,
  found: Uint8Array,
  known: Known | undefined,
): Promise<Map<Placed, bigint>> {
  const settable = new Map<Placed, bigint>();
  let single = true;
  // The register as it reads after `value` was written to it; it gets its own value back
  const exchange = async (p: Placed, own: Uint8Array, value: Uint8Array): Promise<Uint8Array> => {
    const said = single ? await rsp.askText(writeCommand(p, value, little)) : "";
    if (said === "OK") {
      const after = await readRegister(rsp, p, little);
      await rsp.ask(writeCommand(p, own, little));
      return after;
    }
    single &&= said !== "";
    if (said !== "" || !inBlock.includes(p)) return own;
    const record = found.slice();
    record.set(value, p.offset);
    await rsp.ask(`G${toHex(turned(record, inBlock, little).subarray(0, blockBytes))}`);
    const block = fromHex(await rsp.ask("g")) ?? new Uint8Array(blockBytes);
    await rsp.ask(`G${toHex(turned(found, inBlock, little).subarray(0, blockBytes))}`);
    return turned(block, inBlock, little).slice(p.offset, p.offset + p.bytes);
  };
  for (const p of placed) {
    const all = (1n << BigInt(p.register.bits)) - 1n;
    if (p === pc || (known && p.register.flags.length > 0)) {
      settable.set(p, all);
      continue;
    }
    if (p.register.role === "system" || known?.system.test(p.register.name)) {
      settable.set(p, 0n);
      continue;
    }
    const before = found.slice(p.offset, p.offset + p.bytes);
    const other = before.map((b) => b ^ 0xff);
    const after = await exchange(p, before, other);
    let bits = 0n;
    for (let i = p.bytes - 1; i >= 0; i--) bits = (bits << 8n) | BigInt(~(after[i]! ^ other[i]!) & 255);
    settable.set(p, bits & all);
  }
  return settable;
}

/** Fields of a record: registers, flags for packed registers whose description names them. */
function fieldsOf(
  placed: readonly Placed[],
  pc: Placed,
  settable: ReadonlyMap<Placed, bigint>,
  known: Known | undefined,
): Field[] {
  const fields: Field[] = [];
  for (const p of placed) {
    const { name, bits, flags } = p.register;
    const may = settable.get(p) ?? 0n;
    if (flags.length > 0 && p !== pc) {
      for (const f of flags) {
        const width = f.end - f.start + 1;
        if (f.name === "" || f.end >= bits) continue;
        const system = known?.system.test(f.name) ?? false;
        const mask = ((1n << BigInt(width)) - 1n) << BigInt(f.start);
        const role = system ? "system" : "flag";
        fields.push({
          name: f.name,
          bits: width,
          at: 8 * p.offset + f.start,
          role,
          settable: !system && (may & mask) === mask,
        });
      }
      continue;
    }
    // A register may hold fewer bits than it is declared to have
    let kept = bits;
    while (kept > 1 && may !== 0n && ((may >> BigInt(kept - 1)) & 1n) === 0n) kept--;
    const whole = may === (1n << BigInt(kept)) - 1n;
    const system = known?.system.test(name) ?? false;
    const role = p === pc ? "pc" : system ? "system" : p.register.role === "pc" ? "integer" : p.register.role;
    const some = !whole && may !== 0n && role === "integer";
    fields.push({
      name: known?.rename?.[name] ?? name,
      bits: whole ? kept : bits,
      at: 8 * p.offset,
      role,
      settable: whole || some,
      // A register of flags with bits between them that are nothing
      ...(some ? { kept: may } : {}),
    });
  }
  return fields;
}
