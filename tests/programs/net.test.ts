// The host's network under --allow-net: programs of the guest talk to a server of this test's own.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { GUESTS } from "../guests.ts";
import { run, SAGE, sage } from "./command.ts";
import { rootOf, whyNoRoot } from "./root.ts";

const BODY = Array.from({ length: 60_000 }, (_, i) => `${i * i}\n`).join("");
const digest = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

/** GET gives BODY; POST tells what was sent. */
async function server(t: TestContext): Promise<number> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => response.end(request.method === "POST" ? digest(Buffer.concat(parts)) : BODY));
  };
  const made = createServer(answer);
  await new Promise<void>((resolve) => void made.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    made.closeAllConnections();
    made.close();
  });
  return (made.address() as AddressInfo).port;
}

const PYTHON = ["/usr/bin/python3", "-c"];
const fetch = (url: string): string => `
import hashlib, urllib.request
print(hashlib.sha256(urllib.request.urlopen("${url}").read()).hexdigest())
print(urllib.request.urlopen("${url}", data=b"x" * 500000).read().decode())
`;
/** Many connections at once, none of which waits. */
const many = (port: number): string => `
import asyncio, hashlib
async def one():
    reader, writer = await asyncio.open_connection("127.0.0.1", ${port})
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    whole = await reader.read()
    writer.close()
    return hashlib.sha256(whole.split(b"\\r\\n\\r\\n", 1)[1]).hexdigest()
async def all():
    print(set(await asyncio.gather(*[one() for _ in range(5)])))
asyncio.run(all())
`;
const EXPECTED = `${digest(BODY)}\n${digest("x".repeat(500_000))}\n`;

for (const guest of GUESTS) {
  test(`${guest.isa}: wget fetches from a server that was granted`, { skip: whyNoRoot(guest) ?? false }, async (t) => {
    const port = await server(t);
    const options = ["--root", rootOf(guest), `--allow-net=localhost:${port}`];
    const ran = await sage(options, ["/bin/busybox", "wget", "-q", "-O", "-", `http://localhost:${port}/`]);
    assert.equal(digest(ran.stdout), digest(BODY), ran.stderr.toString());
  });
}

const guest = GUESTS[0]!;
const skip = whyNoRoot(guest) ?? false;
const root = skip ? [] : ["--root", rootOf(guest)];

test("python3 fetches, and sends", { skip }, async (t) => {
  const port = await server(t);
  const ran = await sage([...root, `--allow-net=127.0.0.1:${port}`], [...PYTHON, fetch(`http://127.0.0.1:${port}/`)]);
  assert.equal(ran.stdout.toString(), EXPECTED, ran.stderr.toString());
});

test("connections that do not wait", { skip }, async (t) => {
  const port = await server(t);
  const ran = await sage([...root, "--allow-net"], [...PYTHON, many(port)]);
  assert.equal(ran.stdout.toString(), `{'${digest(BODY)}'}\n`, ran.stderr.toString());
});

test("what is not granted is denied, by address and by name", { skip }, async (t) => {
  const port = await server(t);
  const code = `
import socket
for host, port in (("127.0.0.1", ${port}), ("192.0.2.1", 80)):
    try: print(socket.create_connection((host, port)))
    except OSError as e: print(e.strerror)
try: socket.getaddrinfo("example.org", 80)
except socket.gaierror as e: print("no name")
`;
  for (const grant of [[], ["--allow-net=127.0.0.1:1,example.com"]]) {
    const ran = await sage([...root, ...grant], [...PYTHON, code]);
    assert.equal(ran.stdout.toString(), "Connection refused\nOperation not permitted\nno name\n");
    const lines = ran.stderr.toString().split("\n");
    assert.ok(
      lines.includes("sage: denied: net 192.0.2.1:80 (allow it with --allow-net=192.0.2.1:80)"),
      lines.join("|"),
    );
    assert.ok(lines.includes("sage: denied: net example.org (allow it with --allow-net=example.org)"), lines.join("|"));
  }
});

test("connections stand in the audit log, and a recording has what came", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sage-net-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [audit, log] = [join(folder, "audit"), join(folder, "log")];
  const made = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => void made.listen(0, "127.0.0.1", resolve));
  const { port } = made.address() as AddressInfo;
  const program = ["/bin/busybox", "wget", "-q", "-O", "-", `http://127.0.0.1:${port}/`];
  const grant = `--allow-net=127.0.0.1:${port}`;
  const first = await sage([...root, grant, "--audit", audit, "--record", log], program);
  made.closeAllConnections();
  await new Promise((resolve) => made.close(resolve));
  assert.equal(first.stdout.toString(), "hello", first.stderr.toString());
  const lines = readFileSync(audit, "utf8").trim().split("\n");
  const entries = lines.map((line) => (JSON.parse(line) as { event: Record<string, unknown> }).event);
  assert.ok(entries.some((entry) => entry.kind === "connect" && entry.to === `127.0.0.1:${port}`));
  const end = entries.find((entry) => entry.kind === "disconnect");
  assert.ok(Number(end?.read) > 5 && Number(end?.written) > 10, JSON.stringify(end));
  assert.equal((await run([...SAGE, "audit", "verify", audit])).code, 0);
  const again = await sage([...root, grant, "--replay", log], program);
  assert.equal(again.stdout.toString(), "hello", again.stderr.toString());
});
