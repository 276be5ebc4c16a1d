/** Identities and signatures of a real network, judged by its own first configuration block. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { privateKeyFromPem } from "@hansa/crypto";
import { common, msp } from "@hansa/wire";
import { mspConfigFromFiles } from "./folder.js";
import { MspManager } from "./manager.js";
import { Msp } from "./msp.js";
import { createSigningIdentity } from "./signing-identity.js";

const vectors =
  process.env.HANSA_VECTORS ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../../shared/vectors");
const network = path.join(vectors, "fabric-2.5");
const present = existsSync(path.join(network, "0.block"));

function folderOf(mspId: string): Map<string, string> {
  const root = path.join(network, "identities", mspId);
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map((entry) => {
      const full = path.join(entry.parentPath, entry.name);
      return [path.relative(root, full).split(path.sep).join("/"), readFileSync(full, "utf8")];
    }),
  );
}

function envelopes(number: number): common.Envelope[] {
  const block = common.Block.decode(readFileSync(path.join(network, `${number}.block`)));
  return (block.data?.data ?? []).map((bytes) => common.Envelope.decode(bytes));
}

function configuredMsps(): msp.IMSPConfig[] {
  const [envelope] = envelopes(0);
  const payload = common.Payload.decode(envelope?.payload ?? new Uint8Array(0));
  const { config } = common.ConfigEnvelope.decode(payload.data);
  const found: msp.IMSPConfig[] = [];
  const walk = (group: common.IConfigGroup | null | undefined): void => {
    const value = group?.values?.MSP?.value;
    if (value) found.push(msp.MSPConfig.decode(value));
    for (const child of Object.values(group?.groups ?? {})) walk(child);
  };
  walk(config?.channelGroup);
  return found;
}

describe("a real network's members", { skip: present ? false : `no vectors at ${vectors}` }, () => {
  const configs = present ? configuredMsps() : [];
  const msps = configs.map((config) => Msp.fromConfig(config, { verifyMemo: null }));
  const manager = new MspManager(msps);

  it("have the configuration that their folders give, byte for byte", () => {
    assert.ok(configs.length >= 3);
    for (const config of configs) {
      const { name } = msp.FabricMSPConfig.decode(config.config ?? new Uint8Array(0));
      const ours = mspConfigFromFiles(folderOf(name), name);
      assert.equal(Buffer.compare(ours.config ?? Buffer.alloc(0), config.config ?? Buffer.alloc(0)), 0, name);
    }
  });

  it("recognise their users, administrators and nodes", () => {
    const units = { Admin: "admin", User1: "client", peer: "peer", orderer: "orderer" } as const;
    let checked = 0;
    for (const member of msps) {
      const files = folderOf(member.id);
      for (const [name, role] of Object.entries(units)) {
        const certPem = files.get(`${name}.TEST-ONLY.cert.pem`);
        if (certPem === undefined) continue;
        const key = privateKeyFromPem(files.get(`${name}.TEST-ONLY.key.pem`) ?? "");
        const signer = createSigningIdentity(member.id, certPem, key, null);
        const identity = manager.identity(signer.serialized);
        manager.check(identity);
        assert.deepEqual(identity.roles, { client: false, peer: false, admin: false, orderer: false, [role]: true });
        assert.equal(identity.verify(certPemBytes(certPem), signer.sign(certPemBytes(certPem))), true);
        checked++;
      }
    }
    assert.ok(checked >= 8);
  });

  it("signed every transaction of their channel", () => {
    let verified = 0;
    let unknown = 0;
    for (let number = 1; existsSync(path.join(network, `${number}.block`)); number++) {
      for (const { payload, signature } of envelopes(number)) {
        const { header } = common.Payload.decode(payload);
        const { creator } = common.SignatureHeader.decode(header?.signatureHeader ?? new Uint8Array(0));
        try {
          const identity = manager.identity(creator);
          assert.equal(identity.flaw, undefined);
          assert.equal(identity.verify(payload, signature), true, `block ${number}`);
          verified++;
        } catch (error) {
          // Org3 joins later; its configuration is not in the first block.
          assert.match(String(error), /Org3MSP is not defined on channel/);
          unknown++;
        }
      }
    }
    assert.ok(verified >= 150, `${verified} verified, ${unknown} of Org3`);
  });
});

function certPemBytes(text: string): Buffer {
  return Buffer.from(text);
}
