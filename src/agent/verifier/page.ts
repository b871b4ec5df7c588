import type { IsaBook, Row } from "../../rules/book.ts";
import type { Evidence } from "../../rules/evidence.ts";
import { type Belief, beliefIn, evidenceFor } from "./evidence.ts";
import { exampleOf } from "./example.ts";

/** A book with what is known of it. */
export interface PageBook {
  readonly book: IsaBook;
  readonly evidence: readonly Evidence[];
  /** A row's text, as its rulebook has it. */
  readonly textOf: (row: Row) => string;
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}
.map{display:flex;flex-wrap:wrap;gap:2px;margin:.3em 0 1em}.map a{width:1em;height:1em;display:block}
.proved{background:#1a7f37}.tested{background:#57ab5a}.refuted{background:#cf222e}.unknown{background:#bbb}
h3{margin:1em 0 .2em;font-size:1em}details{border-top:1px solid #ddd;padding:.3em 0}pre{overflow-x:auto;margin:.3em 0}
summary i{display:inline-block;width:.7em;height:.7em;margin-right:.5em}input{width:100%;padding:.5em;font:inherit;box-sizing:border-box}`;
/** Hides rows whose text does not hold what is sought. */
const SCRIPT = `const q=document.querySelector("input");q.oninput=()=>{const t=q.value.toLowerCase();
for(const d of document.querySelectorAll("details"))d.hidden=!d.textContent.toLowerCase().includes(t)}`;

/** The whole of some rulebooks as one page: a map coloured by verdict, and every row with its evidence and an example. */
export function rulesPage(books: readonly PageBook[]): string {
  const parts = books.map(({ book, evidence, textOf }) => {
    const known = evidenceFor(book, evidence);
    const beliefs = new Map(book.rows.map((row) => [row, beliefIn(known.get(row), "hand")]));
    const sections = new Map<string, Row[]>();
    for (const row of book.rows) sections.set(row.section, [...(sections.get(row.section) ?? []), row]);
    const count = (verdict: Belief["verdict"]): number =>
      [...beliefs.values()].filter((b) => b.verdict === verdict).length;
    const map = [...sections].map(([section, rows]) => {
      const cells = rows.map((row) => {
        const { verdict } = beliefs.get(row)!;
        return `<a class="${verdict}" title="${escaped(row.name)}: ${verdict}" href="#${book.name}-${row.index}"></a>`;
      });
      return `<h3>${escaped(section)}</h3><div class="map">${cells.join("")}</div>`;
    });
    const rows = book.rows.map((row) => details(book, row, beliefs.get(row)!, textOf(row)));
    return `<h2>${book.name}: ${book.rows.length} rows</h2>
<p>${count("proved")} proved, ${count("tested")} tested, ${count("refuted")} refuted, ${count("unknown")} unknown</p>
${map.join("\n")}\n${rows.join("\n")}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Rulebooks</title><style>${STYLE}</style>
<h1>Rulebooks</h1><input placeholder="search rows" aria-label="search rows">
${parts.join("\n")}<script>${SCRIPT}</script></html>\n`;
}

function details(book: IsaBook, row: Row, belief: Belief, text: string): string {
  const example = exampleOf(book, row);
  const facts = [
    belief.verdict,
    belief.cases > 0 ? `${belief.cases} states` : "",
    belief.oracle,
    belief.reason ?? "",
    belief.origin,
    `hash ${row.hash}`,
    `${row.source.file}:${row.source.line}`,
  ].filter((f) => f !== "");
  const shown = example
    ? `<pre>${escaped(`${example.text}  (${example.bytes})\n${example.before}  ->  ${example.after}`)}</pre>`
    : "";
  return `<details id="${book.name}-${row.index}"><summary><i class="${belief.verdict}"></i>${escaped(row.name)}</summary>
<p>${escaped(facts.join(" · "))}</p><pre>${escaped(text)}</pre>${shown}</details>`;
}
