import { sageError } from "../errors.ts";

/** What is allowed: nothing ([]), what is listed, or all of it (true). */
export type Grant = true | readonly string[];

/** What a guest may do to the world. Paths are absolute, or relative to the working directory. */
export interface Policy {
  readonly read: Grant;
  readonly write: Grant;
  /** Hosts, as "name", "name:port" or "address". */
  readonly net: Grant;
  /** Names of environment variables; a trailing "*" stands for any ending. */
  readonly env: Grant;
  /** -A: also what `true` leaves out, the host's own /proc, /sys and /dev. */
  readonly everything: boolean;
}

export type Permission = "read" | "write" | "net" | "env";
export const permissions: readonly Permission[] = ["read", "write", "net", "env"];

export const denyAll: Policy = { read: [], write: [], net: [], env: [], everything: false };
export const allowAll: Policy = { read: true, write: true, net: true, env: true, everything: true };

/** Both policies' grants. */
export function union(a: Policy, b: Policy): Policy {
  const both = (x: Grant, y: Grant): Grant => (x === true || y === true ? true : [...new Set([...x, ...y])]);
  return {
    read: both(a.read, b.read),
    write: both(a.write, b.write),
    net: both(a.net, b.net),
    env: both(a.env, b.env),
    everything: a.everything || b.everything,
  };
}

/** The value of an --allow flag: true where it stands alone, else names with commas between. Throws USAGE. */
export function grantOfFlag(permission: Permission, value: string | true): Grant {
  if (value === true) return true;
  const names = value.split(",");
  if (names.includes("")) throw sageError("USAGE", `--allow-${permission}=${value} lists an empty name`);
  return names;
}

/** Reads a policy file: a JSON object with "read", "write", "net", "env", each true, false or a list. Throws POLICY. */
export function parsePolicy(text: string, file: string): Policy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw sageError("POLICY", `${file} is not JSON`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw sageError("POLICY", `${file} must hold one object, such as {"read": ["/data"]}`);
  const entries: [string, unknown][] = Object.entries(json);
  const unknown = entries.find(([key]) => !permissions.some((p) => p === key));
  if (unknown) throw sageError("POLICY", `${file} has "${unknown[0]}"; it may have ${permissions.join(", ")}`);
  const grant = (permission: Permission): Grant => {
    const value = entries.find(([key]) => key === permission)?.[1] ?? false;
    if (typeof value === "boolean") return value || [];
    if (Array.isArray(value) && value.every((item): item is string => typeof item === "string" && item !== ""))
      return value;
    throw sageError("POLICY", `${file}: "${permission}" must be true, false or a list of non-empty strings`);
  };
  return { read: grant("read"), write: grant("write"), net: grant("net"), env: grant("env"), everything: false };
}

/** True where a name is granted; a listed "A*" grants every name that begins with A. */
export function grantsName(grant: Grant, name: string): boolean {
  if (grant === true) return true;
  return grant.some((item) => (item.endsWith("*") ? name.startsWith(item.slice(0, -1)) : item === name));
}

/** The variables of `env` that the policy shows. */
export function filterEnv(env: Readonly<Record<string, string>>, grant: Grant): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => grantsName(grant, name)));
}
