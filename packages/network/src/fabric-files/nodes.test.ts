/** Both nodes from files, in this process: as far as that goes without Fabric's own tools. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { genesisBlock } from "@hansa/channel-config";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem, publicPart } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { createSigningIdentity, mspConfigFromFiles, mspFolderFiles } from "@hansa/msp";
import { fromUtf8 } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { HeaderType } from "@hansa/wire";
import { evaluate } from "../client/admin-client.js";
import { runOrdererNode, runPeerNode } from "./run.js";
import type { Environment } from "./settings-file.js";

const DAY_MS = 86_400_000;

/** An organisation whose identities lie in folders as cryptogen leaves them. */
function organization(root: string, mspId: string) {
  const domain = mspId.toLowerCase();
  const nowMs = Date.now();
  const ca = createRootCa({ commonName: domain, organization: domain, nowMs, validityMs: 30 * DAY_MS });
  const issuer = { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) };
  const certify = (name: string, unit: string, profile: "identity" | "tls") => {
    const key = generatePrivateKey("P-256");
    const certPem = issueCertificate({
      issuer,
      publicKey: publicPart(key),
      subject: { commonName: name, organizationalUnits: [unit] },
      profile,
      nowMs,
      validityMs: DAY_MS,
      ...(profile === "tls" ? { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] } : {}),
    });
    return { certPem, keyPem: privateKeyToPem(key) };
  };
  const authorities = { domain, caCertPems: [ca.certPem], tlsCaCertPems: [ca.certPem] };
  const put = (file: string, text: string) => {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
  };
  return {
    mspId,
    rootPem: ca.certPem,
    mspConfig: mspConfigFromFiles(mspFolderFiles(authorities), mspId),
    signer(name: string, unit: string) {
      const { certPem, keyPem } = certify(name, unit, "identity");
      return createSigningIdentity(mspId, certPem, privateKeyFromPem(keyPem));
    },
    /** Writes msp/ and tls/ of a node. Returns the folder and its TLS certificate. */
    node(name: string, unit: string) {
      const folder = path.join(root, name);
      const files = mspFolderFiles({ ...authorities, signer: { name, ...certify(name, unit, "identity") } });
      // Keys of earlier certificates may lie beside the one that counts.
      put(path.join(folder, "msp/keystore/0-earlier_sk"), certify(name, unit, "identity").keyPem);
      for (const [file, text] of files) put(path.join(folder, "msp", file), text);
      const tls = certify(name, unit, "tls");
      put(path.join(folder, "tls/server.crt"), tls.certPem);
      put(path.join(folder, "tls/server.key"), tls.keyPem);
      put(path.join(folder, "tls/ca.crt"), ca.certPem);
      return { folder, tlsCertPem: tls.certPem };
    },
  };
}

/** A port that nobody listened at just now. */
async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return String(port);
}

/** A node that runs, and what it has written. */
function run(start: typeof runPeerNode | typeof runOrdererNode, env: Environment, cwd: string) {
  let log = "";
  const stop = new AbortController();
  const write = (text: string) => {
    log += text;
  };
  const ended = start({ env, cwd, write, interrupted: stop.signal });
  ended.catch(() => {});
  return {
    log: () => log,
    ended,
    stop: () => {
      stop.abort();
      return ended;
    },
    async prints(line: RegExp): Promise<string> {
      for (const giveUpAt = Date.now() + 20_000; ; ) {
        const found = line.exec(log);
        if (found !== null) return found[1] ?? found[0];
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
        assert.ok(Date.now() < giveUpAt, `never printed ${line}:\n${log}`);
      }
    },
  };
}

describe("nodes from Fabric's files", () => {
  const root = mkdtempSync(path.join(tmpdir(), "hansa-nodes-"));
  after(() => rmSync(root, { recursive: true }));
  const members = organization(path.join(root, "peers"), "BrewersMSP");
  const ordering = organization(path.join(root, "orderers"), "OrdererMSP");
  const one = ordering.node("one", "orderer");
  const two = ordering.node("two", "orderer");
  const stranger = ordering.node("stranger", "orderer");
  const peer = members.node("peer0", "peer");
  writeFileSync(path.join(root, "orderer.yaml"), "General: { ListenAddress: 127.0.0.1 }\n");
  writeFileSync(
    path.join(root, "core.yaml"),
    "peer: { id: p0, networkId: net, localMspId: BrewersMSP, fileSystemPath: data/p0, address: '127.0.0.1:0' }\n",
  );
  const consenter = ({ tlsCertPem }: { tlsCertPem: string }, port: number) => ({
    host: "127.0.0.1",
    port,
    clientTlsCertPem: tlsCertPem,
    serverTlsCertPem: tlsCertPem,
  });
  const genesis = (channelId: string, consensusType = "etcdraft") =>
    genesisBlock({
      channelId,
      createdAtMs: Date.now(),
      consensusType,
      organizations: [{ mspId: members.mspId, mspConfig: members.mspConfig }],
      ordererOrgs: [{ mspId: ordering.mspId, mspConfig: ordering.mspConfig, endpoints: ["127.0.0.1:1"] }],
      consenters: [consenter(one, 1), consenter(two, 2)],
    });
  const ordererEnv = async ({ folder }: { folder: string }) => ({
    ORDERER_GENERAL_LISTENPORT: await freePort(),
    ORDERER_GENERAL_LOCALMSPID: "OrdererMSP",
    ORDERER_GENERAL_LOCALMSPDIR: path.join(folder, "msp"),
    ORDERER_GENERAL_TLS_ENABLED: "true",
    ORDERER_GENERAL_TLS_CERTIFICATE: path.join(folder, "tls/server.crt"),
    ORDERER_GENERAL_TLS_PRIVATEKEY: path.join(folder, "tls/server.key"),
    ORDERER_FILELEDGER_LOCATION: path.join(folder, "ledger"),
  });
  const join = async (admin: string, block: Uint8Array): Promise<{ status: number; text: string }> => {
    const form = new FormData();
    form.append("config-block", new Blob([new Uint8Array(block)]), "config.block");
    const answer = await fetch(`http://${admin}/participation/v1/channels`, { method: "POST", body: form });
    return { status: answer.status, text: await answer.text() };
  };

  it("order a channel at its first consenter only, across restarts, and no other kind of channel", async () => {
    const first = run(runOrdererNode, await ordererEnv(one), root);
    await first.prints(/Beginning to serve requests/);
    const admin = await first.prints(/admin=(\S+)/);
    assert.equal((await join(admin, genesis("trade"))).status, 201);
    await first.prints(/Raft leader changed: 0 -> 1 channel=trade node=1/);
    const bft = await join(admin, genesis("other", "BFT"));
    assert.deepEqual([bft.status, bft.text.includes("consensus type etcdraft, and the channel's is BFT")], [400, true]);
    await first.stop();

    const again = run(runOrdererNode, await ordererEnv(one), root);
    await again.prints(/Raft leader changed: 0 -> 1 channel=trade node=1/);
    await again.stop();

    for (const [node, reason] of [
      [two, /this node orders alone, so of the channel's consenters only the first, 127\.0\.0\.1:1, may join/],
      [stranger, /TLS certificate is none of the channel's consenters' \(127\.0\.0\.1:1, 127\.0\.0\.1:2\)/],
    ] as const) {
      const other = run(runOrdererNode, await ordererEnv(node), root);
      const refused = await join(await other.prints(/admin=(\S+)/), genesis("trade"));
      assert.equal(refused.status, 400);
      assert.match(refused.text, reason);
      await other.stop();
    }
  });

  const peerEnv = {
    CORE_PEER_LISTENADDRESS: "127.0.0.1:0",
    CORE_PEER_MSPCONFIGPATH: path.join(peer.folder, "msp"),
    CORE_PEER_TLS_ENABLED: "true",
    CORE_PEER_TLS_CERT_FILE: path.join(peer.folder, "tls/server.crt"),
    CORE_PEER_TLS_KEY_FILE: path.join(peer.folder, "tls/server.key"),
  };

  it("serve a peer with its own identity, and take administrators' calls", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const node = run(runPeerNode, { ...peerEnv, CORE_PEER_ADDRESS: address, CORE_PEER_LISTENADDRESS: address }, root);
    const told = await node.prints(/Started peer with ID=\[p0\], network ID=\[net\], address=\[(.*)\]/);
    assert.equal(told, address);
    // Each key of the file that is not followed has a line; here there are none.
    assert.doesNotMatch(node.log(), /WARN/);
    const rpc = new RpcClient(address, { rootPems: [members.rootPem] });
    const joinAs = (unit: string) =>
      evaluate({ name: "p0", rpc }, members.signer(unit, unit), {
        channelId: "",
        chaincode: "cscc",
        args: [fromUtf8("JoinChain"), genesis("trade")],
        headerType: HeaderType.CONFIG,
      });
    await assert.rejects(joinAs("client"), /access denied/);
    await joinAs("admin");
    await node.prints(/channel joined/);
    rpc.close();
    await node.stop();
  });

  it("are refused with the folder, setting or key that is wrong", async () => {
    const refused = (env: Environment) => run(runPeerNode, { ...peerEnv, ...env }, root).ended;
    await assert.rejects(refused({ CORE_PEER_MSPCONFIGPATH: path.join(two.folder, "tls") }), {
      code: "NODE_FILES",
      message: /tls cannot be used: signcerts holds no certificate/,
    });
    await assert.rejects(refused({ CORE_PEER_TLS_KEY_FILE: path.join(two.folder, "tls/server.key") }), {
      message: /server\.crt \(peer\.tls\.cert\.file\) and .*two.*server\.key .*the key is not the certificate's/,
    });
    await assert.rejects(refused({ CORE_PEER_BCCSP_SW_FILEKEYSTORE_KEYSTORE: root }), {
      message: /holds no private key that belongs to the certificate in signcerts/,
    });
    await assert.rejects(refused({ CORE_PEER_TLS_CERT_FILE: "/nowhere.crt" }), {
      message: /^CORE_PEER_TLS_CERT_FILE \(peer\.tls\.cert\.file\) names \/nowhere\.crt: ENOENT/,
    });
    await assert.rejects(refused({ CORE_PEER_TLS_ENABLED: "perhaps" }), {
      message: /"perhaps"; it must be true or fal/,
    });
    await assert.rejects(refused({ CORE_CHAINCODE_EXECUTETIMEOUT: "soon" }), { message: /"soon"; .*a duration/ });
    await assert.rejects(refused({ CORE_PEER_LOCALMSPTYPE: "idemix" }), { message: /only bccsp is known/ });
    await assert.rejects(refused({ CORE_PEER_LISTENADDRESS: "127.0.0.1" }), { message: /it must be "host:port"/ });
    await assert.rejects(refused({ CORE_CHAINCODE_EXTERNALBUILDERS: "[{name: x}]" }), {
      message: /path attribute missing in one or more builders/,
    });
    await assert.rejects(refused({ CORE_PEER_CHAINCODEADDRESS: "0.0.0.0:7052" }), {
      message: /an address that chaincodes can reach/,
    });
  });
});
