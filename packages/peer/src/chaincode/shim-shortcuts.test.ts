import assert from "node:assert/strict";
import { test } from "node:test";
import { keepParsedCertificates, skipDroppedLines } from "./shim-shortcuts.js";

test("a level that is not written costs no formatting, also when the level changes later", () => {
  const written: string[] = [];
  const winston = {
    createLogger: () => {
      const logger = {
        levels: { error: 0, debug: 5 },
        level: "error",
        isLevelEnabled(level: string) {
          return this.levels[level as "error"] <= this.levels[this.level as "error"];
        },
        error: (text: string) => written.push(text),
        debug: (text: string) => written.push(text),
      };
      return logger;
    },
  };
  skipDroppedLines(winston as never);
  const logger = winston.createLogger();
  logger.debug("dropped");
  logger.error("kept");
  logger.level = "debug";
  logger.debug("now kept");
  assert.deepEqual(written, ["kept", "now kept"]);
});

test("a certificate is parsed once, a broken one each time", () => {
  let parsed = 0;
  const x509 = {
    Certificate: {
      fromPEM(pem: Uint8Array | string) {
        parsed++;
        if (pem.length === 0) throw new Error("No Certificate");
        return { pem };
      },
    },
  };
  keepParsedCertificates(x509);
  const first = x509.Certificate.fromPEM("one");
  assert.equal(x509.Certificate.fromPEM(Buffer.from("one")), first);
  assert.notEqual(x509.Certificate.fromPEM("two"), first);
  assert.equal(parsed, 2);
  for (let i = 0; i < 2; i++) assert.throws(() => x509.Certificate.fromPEM(""), /No Certificate/);
  assert.equal(parsed, 4);
});
