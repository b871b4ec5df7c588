import { sageError } from "../errors.ts";

const factors: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** "512M", "2G", "65536": bytes. Throws USAGE. */
export function parseSize(option: string, text: string): number {
  const match = text.match(/^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i);
  const size = match ? Math.floor(Number(match[1]) * factors[match[2]!.toUpperCase()]!) : 0;
  if (size < 1 || size > Number.MAX_SAFE_INTEGER)
    throw sageError("USAGE", `${option} ${text} is no size`, `write bytes, or as in ${option} 512M`);
  return size;
}

/** A number above zero. Throws USAGE. */
export function parseAmount(option: string, text: string, whole: boolean): number {
  const value = /^\d*\.?\d+(e\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= Number.MAX_SAFE_INTEGER) || (whole && !Number.isInteger(value)))
    throw sageError("USAGE", `${option} ${text} is no ${whole ? "whole " : ""}number above 0`);
  return value;
}

const periods: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "90s", "15m", "2h"; a plain number is seconds. In milliseconds. Throws USAGE. */
export function parseDuration(option: string, text: string): number {
  const match = text.match(/^(\d+(?:\.\d+)?)(ms|s|m|h)?$/);
  const time = match ? Number(match[1]) * periods[match[2] ?? "s"]! : 0;
  if (!(time > 0)) throw sageError("USAGE", `${option} ${text} is no time`, `write it as in ${option} 15m`);
  return time;
}
