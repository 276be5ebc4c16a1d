import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { main } from "../main.js";
import { durationOf } from "./clock.js";

describe("hansa clock", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-clock-"));
  /** A control plane of one network that three accounts see; the members that each of them has. */
  const members: Record<string, object[]> = {
    INVITED0000000000: [],
    REMOVED0000000000: [{ Id: "m-1", Name: "Farm", Status: "DELETED" }],
    MEMBER00000000000: [{ Id: "m-2", Name: "Pub", Status: "AVAILABLE" }],
  };
  const moved: (readonly [caller: string, body: string])[] = [];
  const server = createServer(async (request, response) => {
    const caller = /Credential=(\w+)/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    let body = "";
    for await (const chunk of request) body += chunk;
    const { pathname } = new URL(request.url ?? "", "http://x");
    if (request.method === "POST") moved.push([caller, body]);
    const answers: Record<string, object> = {
      "/networks": { Networks: [{ Id: "n-1", Name: "coffee", Status: "AVAILABLE" }] },
      "/networks/n-1/members": { Members: members[caller] },
      "/hansa/networks/n-1": { Now: "2026-01-02T03:04:05.000Z", SimulatedClock: true },
      "/hansa/networks/n-1/clock": { Now: "2026-01-05T03:04:05.000Z" },
    };
    response.end(JSON.stringify(answers[pathname]));
  });
  before(async () => {
    const accounts = Object.keys(members).map((accessKeyId, index) => ({
      accountId: String(index).repeat(12),
      accessKeyId,
      secretAccessKey: "0123456789abcdef",
    }));
    mkdirSync(path.join(folder, "control-plane"));
    writeFileSync(path.join(folder, "control-plane", "accounts.json"), JSON.stringify(accounts));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  async function hansa(...argv: string[]): Promise<{ exit: number; written: string }> {
    const lines: string[] = [];
    const sink = { write: (text: string) => lines.push(text) > 0 };
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const io = { stdout: sink, stderr: sink, env: { AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN: url }, cwd: folder };
    const signal = new AbortController().signal;
    const exit = await main([...argv, "--dir", folder], io as unknown as Parameters<typeof main>[1], signal);
    return { exit, written: lines.join("") };
  }

  it("is moved by an account that has a member, whoever else sees the network", async () => {
    const { exit, written } = await hansa("clock", "advance", "3d");
    assert.deepEqual([exit, written], [0, "The network's time is now 2026-01-05T03:04:05.000Z.\n"]);
    assert.deepEqual(moved, [["MEMBER00000000000", '{"To":"2026-01-05T03:04:05.000Z"}']]);
  });

  it("takes durations as people write them", () => {
    for (const [text, ms] of [
      ["3d", 259_200_000],
      ["1d12h", 129_600_000],
      ["90m", 5_400_000],
    ] as const)
      assert.equal(durationOf(text), ms);
    for (const text of ["", "3", "d", "-3d", "3d ", "0s", "3 days", "1d-2h"])
      assert.throws(() => durationOf(text), { code: "USAGE" }, text);
  });
});
