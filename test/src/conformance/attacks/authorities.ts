/** Requests to an authority by those who may not make them. */
import assert from "node:assert/strict";
import { createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import type { SigningIdentity } from "@hansa/msp";
import { CaRest } from "@hansa/network";
import { GrpcStatus } from "@hansa/transport";
import { encode, hansa, services } from "@hansa/wire";
import { ask } from "../../faults/answers.js";
import { forgedIdentity } from "../../faults/strangers.js";
import { admin, node, world } from "./world.js";

export function attackAuthorities(): void {
  describe("an authority", () => {
    const call = async (member: string, identity: SigningIdentity, method: "Register" | "Revoke", body: Uint8Array) => {
      const request = encode(hansa.ca.SignedRequest, {
        body,
        signature: identity.sign(body),
        certificatePem: identity.certificate.pem,
      });
      return { request, answer: await ask(node(`ca.${member}`), services.HansaCa.methods[method], request) };
    };
    const bodyOf = (caName: string, method: string, request: Uint8Array) =>
      encode(hansa.ca.RequestBody, { caName, method, timestampMs: Date.now(), nonce: randomBytes(24), request });
    /** What an authority says to who asks it to register an administrator. */
    const toRegister = async (
      by: SigningIdentity,
      signedFor = "ca.org1.example.com",
      sentTo: "Register" | "Revoke" = "Register",
    ) => {
      const registration = encode(hansa.ca.RegisterRequest, { enrollmentId: "mallory", type: "admin" });
      return refusal(await call("org1", by, sentTo, bodyOf(signedFor, "Register", registration)));
    };

    const attacks: readonly [string, () => ReturnType<typeof toRegister>, RegExp][] = [
      ["another member's administrator", () => toRegister(admin("Org2")), /./],
      ["a forged administrator", () => toRegister(forgedIdentity("Org1MSP")), /./],
      ["a client that would be a registrar", () => toRegister(world.user), /./],
      [
        "a request that was signed for another method",
        () => toRegister(world.user, undefined, "Revoke"),
        /was signed for Register, not for Revoke/,
      ],
      [
        "a request that was signed for another authority",
        () => toRegister(world.user, "ca.org2.example.com"),
        /the request is for "ca\.org2\.example\.com"/,
      ],
    ];
    for (const [what, attack, told] of attacks)
      it(`refuses ${what}`, async () => {
        const refused = await attack();
        assert.ok(refused, "it was answered");
        assert.ok(
          [GrpcStatus.UNAUTHENTICATED, GrpcStatus.PERMISSION_DENIED].includes(refused.code as never),
          refused.text,
        );
        assert.match(refused.text, told);
      });

    it("takes a request once", async () => {
      const body = bodyOf("ca.org1.example.com", "Revoke", encode(hansa.ca.RevokeRequest, { enrollmentId: "nobody" }));
      const { request } = await call("org1", world.user, "Revoke", body);
      const again = refusal({ answer: await ask(node("ca.org1"), services.HansaCa.methods.Revoke, request) });
      assert.match(again?.text ?? "", /the request was made before: its nonce is known/);
    });

    it("takes a token for the one request that it was made for", async () => {
      const member = world.network.member("Org1");
      const rest = new CaRest(member.caAddress, readFileSync(member.tlsRootFile, "utf8"));
      const callerOf = (identity: SigningIdentity, of: string, name: string) => {
        const folder = world.network.member(of).mspFolder(name);
        const key = createPrivateKey(readFileSync(path.join(folder, "keystore", "priv_sk")));
        return { certPem: identity.certificate.pem, key };
      };
      await assert.rejects(
        rest.call(callerOf(admin("Org2"), "Org2", "Admin"), "GET", "identities"),
        /Authentication failure \(20\)/,
      );
      await assert.rejects(
        rest.call(callerOf(world.user, "Org1", "User1"), "GET", "identities"),
        /Authorization failure \(71\)/,
      );
      const mismatched = { ...callerOf(world.user, "Org1", "User1"), certPem: admin("Org1").certificate.pem };
      await assert.rejects(rest.call(mismatched, "GET", "identities"), /Authentication failure \(20\)/);
    });

    function refusal({ answer }: { answer: Awaited<ReturnType<typeof ask>> }) {
      return answer.kind === "status" ? answer : undefined;
    }
  });
}
