import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { Certificate, generatePrivateKey, privateKeyToPem } from "@hansa/crypto";
import { createRootCa, issueCertificate, type KeyedCertificate } from "@hansa/crypto/issuing";
import type { TlsClient } from "./client.js";
import { ClientRoots } from "./client-roots.js";
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

  it("takes clients of other authorities from the moment that a channel names them", async () => {
    const mutual = { ...server, clientCaPems: [root.certPem], requireClientCert: true };
    const { address, server: rpc } = await serve({ Once: (message) => message }, { tls: mutual });
    const roots = new ClientRoots(mutual);
    roots.attach(rpc);
    const newcomer = { rootPems: [root.certPem], ...issue(stranger, "new.test") };
    const call = (tls: TlsClient) => dial(address, tls).unary(Echo.methods.Once, bytes("hi"));
    await assert.rejects(call(newcomer), refused(GrpcStatus.UNAVAILABLE));
    roots.set("trade", [stranger.certPem]);
    assert.equal((await call(newcomer)).toString(), "hi");
    assert.equal((await call({ rootPems: [root.certPem], ...client })).toString(), "hi", "who was known still is");
    roots.set("trade", []);
    await assert.rejects(call(newcomer), refused(GrpcStatus.UNAVAILABLE));
    await assert.rejects(call({ rootPems: [root.certPem] }), refused(GrpcStatus.UNAVAILABLE));
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
