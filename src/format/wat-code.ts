import { FC, FD, M, W } from "../backend/wasm/opcodes.ts";
import type { LebReader } from "../bytes/leb.ts";
import { sageError } from "../errors.ts";

/** Names by opcode; the first underscore of our spelling stands for the format's dot. */
const spelled = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, code]) => [code, name.replace("_", ".")]));
const plain = spelled(W);
const memory = spelled(M);
const prefixFc = spelled(FC);
const prefixFd = spelled(FD);
const variable: Readonly<Record<number, string>> = {
  32: "local.get",
  33: "local.set",
  34: "local.tee",
  35: "global.get",
  36: "global.set",
};

const types: Readonly<Record<number, string>> = {
  127: "i32",
  126: "i64",
  125: "f32",
  124: "f64",
  123: "v128",
  112: "funcref",
  111: "externref",
};
export function typeName(code: number): string {
  return types[code] ?? `type-0x${code.toString(16)}`;
}

/** A function body's instructions, one a line, indented by blocks. Throws FORMAT_UNSUPPORTED for one that we never emit. */
export function codeLines(reader: LebReader, indent: string): string[] {
  const lines: string[] = [];
  let depth = 0;
  const put = (text: string) => lines.push(`${indent}${"  ".repeat(depth)}${text}`);
  while (!reader.done) {
    const op = reader.u8();
    switch (op) {
      case 0x02:
      case 0x03:
      case 0x04:
        put(`${["block", "loop", "if"][op - 2]}${blockType(reader)}  ;; @${depth + 1}`);
        depth++;
        break;
      case 0x05:
        depth--;
        put("else");
        depth++;
        break;
      case 0x0b:
        // the body's own end closes the function
        if (depth > 0) {
          depth--;
          put("end");
        }
        break;
      case 0x0c:
      case 0x0d:
        put(`${op === 0x0c ? "br" : "br_if"} ${label(reader.u32(), depth)}`);
        break;
      case 0x0e: {
        const labels = reader.list(() => reader.u32());
        put(`br_table ${[...labels, reader.u32()].join(" ")}`);
        break;
      }
      default:
        put(instruction(op, reader));
    }
  }
  return lines;
}

/** A relative depth, with the block it means. */
function label(relative: number, depth: number): string {
  return `${relative}  ;; @${depth - relative}`;
}

function blockType(reader: LebReader): string {
  const code = Number(reader.signed());
  if (code === -64) return "";
  return code >= 0 ? ` (type ${code})` : ` (result ${typeName(code & 0x7f)})`;
}

function instruction(op: number, reader: LebReader): string {
  const known = plain.get(op);
  if (known) return known;
  const loads = memory.get(op);
  if (loads) return `${loads}${memarg(reader)}`;
  if (variable[op]) return `${variable[op]} ${reader.u32()}`;
  switch (op) {
    case 0x10:
    case 0x12:
      return `${op === 0x10 ? "call" : "return_call"} ${reader.u32()}`;
    case 0x11:
    case 0x13: {
      const type = reader.u32();
      return `${op === 0x11 ? "call_indirect" : "return_call_indirect"} ${reader.u32()} (type ${type})`;
    }
    case 0x3f:
      return `memory.size ${reader.u32()}`;
    case 0x40:
      return `memory.grow ${reader.u32()}`;
    case 0x41:
      return `i32.const ${reader.signed()}`;
    case 0x42:
      return `i64.const ${reader.signed()}`;
    case 0x43:
      return `f32.const ${float(reader.take(4))}`;
    case 0x44:
      return `f64.const ${float(reader.take(8))}`;
    case 0xfc:
      return prefixed(reader.u32(), prefixFc, "fc", reader);
    case 0xfd:
      return prefixed(reader.u32(), prefixFd, "fd", reader);
    default:
      throw sageError("FORMAT_UNSUPPORTED", `wasm opcode 0x${op.toString(16)}`);
  }
}

function prefixed(code: number, names: ReadonlyMap<number, string>, prefix: string, reader: LebReader): string {
  const name = names.get(code);
  if (!name) throw sageError("FORMAT_UNSUPPORTED", `wasm opcode 0x${prefix} ${code}`);
  if (name === "v128.load" || name === "v128.store") return `${name}${memarg(reader)}`;
  if (name.endsWith("_lane")) return `${name} ${reader.u8()}`;
  if (name === "memory.copy") return `${name} ${reader.u32()} ${reader.u32()}`;
  return name === "memory.fill" ? `${name} ${reader.u32()}` : name;
}

/** Bit 6 of the alignment says that a memory index follows (multi-memory). */
function memarg(reader: LebReader): string {
  const flags = reader.u32();
  const index = flags & 0x40 ? ` ${reader.u32()}` : "";
  const offset = reader.u32();
  return `${index}${offset ? ` offset=${offset}` : ""} align=${2 ** (flags & 0x3f)}`;
}

/** A float's text; NaNs by their payload. */
function float(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wide = bytes.length === 8;
  const value = wide ? view.getFloat64(0, true) : view.getFloat32(0, true);
  if (Object.is(value, -0)) return "-0";
  if (!Number.isNaN(value)) return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
  const bits = wide ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
  const width = wide ? 52 : 23;
  return `${bits >> BigInt(wide ? 63 : 31) ? "-" : ""}nan:0x${BigInt.asUintN(width, bits).toString(16)}`;
}
