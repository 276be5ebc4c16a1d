import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { newNatsUser } from "@hansa/orderer/nats";
import { readJetStream } from "./jetstream-files.js";
import type { JetStreamSpec } from "./specs.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-nats-files-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const place = path.join(folder, name);
  writeFileSync(place, content, { mode: 0o600 });
  return place;
}

const { seed } = newNatsUser();
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const spec = (more: Partial<JetStreamSpec>): JetStreamSpec => ({
  servers: ["tls://nats-1:4222"],
  replicas: 3,
  tls: undefined,
  credentials: undefined,
  ...more,
});

describe("files by which NATS servers know an orderer", () => {
  it("are read, a seed and a .creds file alike", async () => {
    const tls = { ca: file("ca.pem", certificate) };
    assert.deepEqual(await readJetStream(spec({ tls, credentials: file("user.seed", `${seed}\n`) })), {
      engine: "jetstream",
      servers: ["tls://nats-1:4222"],
      replicas: 3,
      tls: { caPem: certificate },
      credentials: { nkeySeed: seed },
    });
    const creds = `-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n`;
    const read = await readJetStream(spec({ credentials: file("user.creds", creds) }));
    assert.deepEqual("credentials" in read && read.credentials, { creds });
  });

  it("are named, with their setting, when they cannot be used", async () => {
    const absent = path.join(folder, "absent.pem");
    await assert.rejects(readJetStream(spec({ tls: { ca: absent } })), {
      code: "ORDERING_FILE",
      message: new RegExp(`^ordering\\.tls\\.ca: ${absent} cannot be read: ENOENT`),
      nextStep: /Name a file that holds a PEM certificate/,
    });
    const garbage = file("garbage", "hello");
    await assert.rejects(readJetStream(spec({ credentials: garbage })), {
      message: `ordering.credentials: ${garbage} does not hold a user key's seed ("SU…") or a .creds file.`,
    });
    const tls = { ca: file("ca.pem", certificate), cert: file("cert.pem", certificate), key: garbage };
    await assert.rejects(readJetStream(spec({ tls })), { message: /^ordering\.tls\.key: .* PEM private key\.$/ });
  });
});
