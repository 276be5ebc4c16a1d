/** Clients that connect and say nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, dial, Echo, serve } from "./testing/echo.js";

/** Both ends are in this process, so that each connection takes two files. */
const FILES = 4_200;

/** Why the test cannot run here; false where it can. */
function fewFiles(): string | false {
  const report = process.report?.getReport() as { userLimits?: { open_files?: { soft: number | string } } } | undefined;
  const limit = Number(report?.userLimits?.open_files?.soft ?? Number.POSITIVE_INFINITY);
  return limit < FILES ? `a process may open only ${limit} files here; ${FILES} are needed` : false;
}

describe("two thousand idle connections", () => {
  it("cost little, and others are served beside them", { skip: fewFiles() }, async () => {
    let open = 0;
    const meter = {
      connectionOpened: () => open++,
      connectionClosed: () => open--,
      method: () => ({ received() {}, completed() {}, messageReceived() {}, messageSent() {} }),
    };
    const { address } = await serve({ Once: (message) => message }, { meter });
    const before = process.memoryUsage().rss;
    const sessions: ClientHttp2Session[] = [];
    for (let n = 0; n < 2_000; n += 100) {
      const some = Array.from({ length: 100 }, () => connectHttp2(`http://${address}`));
      await Promise.all(some.map((session) => once(session, "connect")));
      sessions.push(...some);
    }
    for (let attempt = 0; open < 2_000; attempt++) {
      assert.ok(attempt < 500, `${open} connections are open`);
      await sleep(10);
    }
    const client = dial(address);
    assert.equal((await client.unary(Echo.methods.Once, bytes("still"))).toString(), "still");
    const perConnection = (process.memoryUsage().rss - before) / 2_000;
    // Both ends are in this process.
    assert.ok(perConnection < 200_000, `${Math.round(perConnection)} bytes for each connection`);
    for (const session of sessions) session.destroy();
    for (let attempt = 0; open > 1; attempt++) {
      assert.ok(attempt < 500, `${open} connections are left`);
      await sleep(10);
    }
  });
});
