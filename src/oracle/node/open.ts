import { isaRulebook } from "../../host/node/assets.ts";
import { loadIsaBook } from "../../rules/index.ts";
import { gdbOracle } from "../gdb.ts";
import type { Places } from "../gdb-target.ts";
import { type Oracle, OracleError } from "../oracle.ts";
import { selfOracle } from "../self.ts";
import { batchOracle } from "./batch.ts";
import { tcpLink } from "./tcp.ts";

/**
 * Opens an oracle by its name: `gdb:HOST:PORT`, `host` (this computer's CPU), `qemu`, `qemu-ISA`, or
 * `self` (the shipped rulebook by the evaluator). `isa`: what the
 * question is about; without a name the CPU where it can, else qemu. Rejects with OracleError.
 */
export async function openOracle(
  name: string | undefined,
  isa: string,
  patience?: number,
  places?: Places,
): Promise<Oracle> {
  const gdb = /^gdb:(.*):(\d+)$/.exec(name ?? "");
  if (gdb) {
    const host = gdb[1]!.replace(/^\[(.*)\]$/, "$1");
    const port = Number(gdb[2]);
    if (port < 1 || port > 65535) throw new OracleError("ORACLE_MISSING", `${name}: there is no port ${port}`);
    const link = await tcpLink(host === "" ? "127.0.0.1" : host, port, patience ?? 5000);
    return gdbOracle(link, {
      name: name!,
      ...(patience === undefined ? {} : { patience }),
      ...(places ? { places } : {}),
    });
  }
  if (name === "self") {
    const found = isaRulebook(isa);
    if (!found) throw new OracleError("ORACLE_MISSING", `there is no rulebook for ${isa}`);
    return selfOracle(loadIsaBook(found.text, found.options));
  }
  if (name === "host") return batchOracle(isa, { on: "host" });
  const qemu = /^qemu(?:-(\w+))?$/.exec(name ?? "");
  if (qemu) return batchOracle(qemu[1] ?? isa, { on: "qemu" });
  if (name !== undefined) throw new OracleError("ORACLE_MISSING", `there is no oracle ${name}`);
  try {
    return batchOracle(isa, { on: "host" });
  } catch (error) {
    if (!(error instanceof OracleError)) throw error;
    return batchOracle(isa, { on: "qemu" });
  }
}
