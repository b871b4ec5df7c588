import { evalInt } from "./core.ts";
import type { AsmItem, ExpandedBook, Style } from "./expanded.ts";

/** Text of an instruction; aliases and what a `=>` row stands for come first where `aliases` is set. */
export function disassemble(
  book: ExpandedBook,
  index: number,
  fields: readonly number[],
  pc: number,
  aliases: boolean,
  length = book.rows[index].bits / 8,
): string {
  const row = book.rows[index];
  if (aliases) {
    const alias = aliasesOf(book)[index]?.find((a) => !a.when || evalInt(a.when, fields, [], row.bits / 8) !== 0);
    if (alias) return render(book, length, alias.assembly, fields, pc);
    if (row.stands) {
      const inner = row.stands.fields.map(({ c, map }) => {
        const v = evalInt(c, fields, [], row.bits / 8);
        return map ? map[v] : v;
      });
      return disassemble(book, row.stands.row, inner, pc, true);
    }
  }
  return render(book, length, row.assembly, fields, pc);
}

const grouped = new WeakMap<ExpandedBook, ExpandedBook["aliases"][number][][]>();
/** Aliases by row, in the book's order. */
function aliasesOf(book: ExpandedBook): ExpandedBook["aliases"][number][][] {
  let out = grouped.get(book);
  if (!out) {
    out = [];
    for (const a of book.aliases) (out[a.row] ??= []).push(a);
    grouped.set(book, out);
  }
  return out;
}

function render(
  book: ExpandedBook,
  length: number,
  items: readonly AsmItem[],
  fields: readonly number[],
  pc: number,
): string {
  let out = "";
  for (const item of items) {
    if (item.k === "text") {
      out += item.s;
      continue;
    }
    const v = evalInt(item.c, fields, [], length);
    if (item.k === "arms") out += render(book, length, item.arms[item.forms.indexOf(v)] ?? [], fields, pc);
    else if (item.k === "choice") out += item.texts[v] ?? "";
    else out += (item.table >= 0 ? book.tables[item.table][v] : undefined) ?? number(v, item.style, pc, book.pcWidth);
  }
  return out;
}

function number(v: number, style: Style, pc: number, pcWidth: number): string {
  if (style === "dec") return String(v);
  if (style === "disp") return `${v < 0 ? "-" : "+"}0x${Math.abs(v).toString(16)}`;
  if (style.startsWith("x")) return v.toString(16).padStart(styleWidth(style), "0");
  if (style.startsWith("opt")) return v === 0 ? "" : `${style.slice(4, -1)}${v}`;
  const n = style === "label" ? pc + v : style === "page" ? pc - (pc % PAGE) + v * PAGE : v;
  if (n >= 0) return `0x${n.toString(16)}`;
  if (style === "hex") return `-0x${(-n).toString(16)}`;
  return `0x${BigInt.asUintN(style === "label" || style === "page" ? pcWidth : styleWidth(style), BigInt(n)).toString(16)}`;
}

/** What `page` counts. */
export const PAGE = 4096;

/** 32 of `u<32>`. */
export const styleWidth = (style: Style): number => Number(style.slice(2, -1));
