import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { Certificate, generatePrivateKey, privateKeyToPem } from "@hansa/crypto";
import { createRootCa, issueCertificate, type KeyedCertificate } from "@hansa/crypto/issuing";
import { GrpcStatus } from "./status.js";
import { bytes, dial, Echo, refused, serve } from "./testing/echo.js";

const dayMs = 86_400_000;
const request = { organization: "test", validityMs: dayMs, nowMs: Date.now() };
const root = createRootCa({ commonName: "tls.test", ...request });
const stranger = createRootCa({ commonName: "other.test", ...request });

function issue(ca: KeyedCertificate, commonName: string): { certPem: string; keyPem: string } {
  const key = generatePrivateKey("P-256");
  const certPem = issueCertificate({
    issuer: { certificate: Certificate.parse(ca.certPem), key: createPrivateKey(ca.keyPem) },
    publicKey: createPublicKey(key),
    subject: { commonName },
    profile: "tls",
    dnsNames: ["localhost", commonName],
    ipAddresses: ["127.0.0.1"],
    nowMs: request.nowMs,
    validityMs: dayMs,
  });
  return { certPem, keyPem: privateKeyToPem(key) };
}

const server = issue(root, "peer.test");
const client = issue(root, "client.test");

describe("TLS", () => {
  it("lets in a client that knows the root, by address or by the name it expects", async () => {
    const { address } = await serve({ Once: (message) => message }, { tls: server });
    for (const serverName of [undefined, "peer.test"]) {
      const answer = dial(address, { rootPems: [stranger.certPem, root.certPem], ...(serverName && { serverName }) });
      assert.equal((await answer.unary(Echo.methods.Once, bytes("hi"))).toString(), "hi");
    }
  });

  it("needs an address in the certificate when it is dialled by address", async () => {
    const key = generatePrivateKey("P-256");
    const named = issueCertificate({
      issuer: { certificate: Certificate.parse(root.certPem), key: createPrivateKey(root.keyPem) },
      publicKey: createPublicKey(key),
      subject: { commonName: "named.test" },
      profile: "tls",
      dnsNames: ["localhost"],
      nowMs: request.nowMs,
      validityMs: dayMs,
    });
    const tls = { certPem: named, keyPem: privateKeyToPem(key) };
    const { address, port } = await serve({ Once: (message) => message }, { tls });
    const byAddress = dial(address, { rootPems: [root.certPem] }).unary(Echo.methods.Once, bytes("hi"));
    await assert.rejects(byAddress, refused(GrpcStatus.UNAVAILABLE));
    await dial(`localhost:${port}`, { rootPems: [root.certPem] }).unary(Echo.methods.Once, bytes("hi"));
  });

  it("shows a client a server of another root, or another name, as UNAVAILABLE", async () => {
    const { address } = await serve({ Once: (message) => message }, { tls: server });
    const call = (tls: Parameters<typeof dial>[1]) => dial(address, tls).unary(Echo.methods.Once, bytes("hi"));
    await assert.rejects(call({ rootPems: [stranger.certPem] }), refused(GrpcStatus.UNAVAILABLE));
    await assert.rejects(call({ rootPems: [root.certPem], serverName: "else.test" }), refused(GrpcStatus.UNAVAILABLE));
  });

  it("tells handlers the client's certificate when it is asked for", async () => {
    const seen: (Uint8Array | undefined)[] = [];
    const handlers = {
      Once: (message: Uint8Array, context: { tlsClientCert: Uint8Array | undefined }) => {
        seen.push(context.tlsClientCert);
        return message;
      },
    };
    const mutual = { ...server, clientCaPems: [root.certPem], requireClientCert: true };
    const { address } = await serve(handlers, { tls: mutual });
    await dial(address, { rootPems: [root.certPem], ...client }).unary(Echo.methods.Once, bytes("hi"));
    assert.deepEqual(Buffer.from(seen[0] ?? []), new X509Certificate(client.certPem).raw);

    const without = dial(address, { rootPems: [root.certPem] }).unary(Echo.methods.Once, bytes("hi"));
    await assert.rejects(without, refused(GrpcStatus.UNAVAILABLE));
    const wrong = dial(address, { rootPems: [root.certPem], ...issue(stranger, "x.test") });
    await assert.rejects(wrong.unary(Echo.methods.Once, bytes("hi")), refused(GrpcStatus.UNAVAILABLE));
  });

  it("survives bytes that are no handshake", async () => {
    const { address, port } = await serve({ Once: (message) => message }, { tls: server });
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end(Buffer.alloc(2_000, 0x41)));
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
    await dial(address, { rootPems: [root.certPem] }).unary(Echo.methods.Once, bytes("hi"));
  });
});
