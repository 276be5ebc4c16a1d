import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LogLevels, leveledLogger } from "./log-levels.js";

/** What a real peer answered to `PUT /logspec` and then to `GET /logspec`. */
const ACCEPTED = [
  ["info:gossip,peer=debug:a.b.=warn", "a.b.=warn:gossip=debug:peer=debug:info"],
  ["", "info"],
  ["payload", "Level(-2)"],
  ["fatal:x=panic:z=payload", "x=panic:z=Level(-2):fatal"],
  ["WARNING:a=CRITICAL", "a=error:warn"],
] as const;

const REFUSED = [
  ["bogus", "bad segment 'bogus'"],
  ["a=b=c", "bad segment 'a=b=c'"],
  ["=debug", "no logger specified in segment '=debug'"],
  ["a,=debug", "bad logger name ''"],
  ["a=loud", "bad segment 'a=loud'"],
  ["a b=debug", "bad logger name 'a b'"],
] as const;

describe("a logging specification", () => {
  for (const [given, normal] of ACCEPTED) {
    it(`"${given}" is "${normal}"`, () => assert.equal(new LogLevels(given).spec(), normal));
  }

  for (const [given, why] of REFUSED) {
    it(`"${given}" is refused, and nothing is changed`, () => {
      const levels = new LogLevels("error");
      assert.throws(() => levels.activate(given), { message: `invalid logging specification '${given}': ${why}` });
      assert.equal(levels.spec(), "error");
    });
  }

  it("is taken up by loggers in use, by the longest part of their name", () => {
    const levels = new LogLevels("warn:ledger=debug:ledger.blocks.=error");
    const lines: string[] = [];
    const root = leveledLogger((level, message) => lines.push(`${level} ${message}`), levels, "peer");
    const ledger = root.child({ logger: "ledger", channel: "trade" });
    const blocks = ledger.child({ logger: "ledger.blocks" });
    const cache = ledger.child({ logger: "ledger.blocks.cache" });
    const all = () => {
      root.info("root");
      ledger.debug("ledger");
      blocks.warn("blocks");
      cache.debug("cache");
    };
    all();
    assert.deepEqual(lines.splice(0), ["debug ledger", "debug cache"]);
    levels.activate("info");
    all();
    assert.deepEqual(lines.splice(0), ["info root", "warn blocks"]);
  });

  it("has entries counted that came to an open level, and those that were written", () => {
    const levels = new LogLevels("info:deliver=debug");
    const logger = leveledLogger(() => {}, levels, "peer");
    logger.debug("not written, but some logger has debug open");
    logger.info("written");
    assert.deepEqual(levels.counts.debug, { checked: 1, written: 0 });
    assert.deepEqual(levels.counts.info, { checked: 1, written: 1 });
    levels.activate("warn");
    logger.info("open nowhere");
    assert.deepEqual(levels.counts.info, { checked: 1, written: 1 });
  });

  it("writes the fields of a logger and of an entry, and the logger's name not among them", () => {
    const seen: unknown[] = [];
    const logger = leveledLogger((_level, _message, fields) => seen.push(fields), new LogLevels(), "peer");
    logger.child({ logger: "deliver", channel: "trade" }).info("sent", { number: 3 });
    assert.deepEqual(seen, [{ channel: "trade", number: 3 }]);
  });
});
