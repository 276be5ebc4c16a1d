/** Identities that no longer count, or never did, at every door. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { withRevocationList } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import { MemberAuthority } from "@hansa/network";
import { discovery, encode, gateway, orderer, protos, services, statusName } from "@hansa/wire";
import { ask } from "../../faults/answers.js";
import {
  chaincodeEventsRequest,
  envelope,
  highS,
  identityOf,
  seekEnvelope,
  signedProposal,
} from "../../faults/forge.js";
import { expiredIdentity, forgedIdentity, reenrolled } from "../../faults/strangers.js";
import { broadcast, CHANNEL, node, proposal, world } from "./world.js";

export function attackDoors(): void {
  describe("an identity that must not be let in", () => {
    let expired: SigningIdentity;
    let revoked: SigningIdentity;
    before(async () => {
      const org1 = world.network.member("Org1");
      expired = await expiredIdentity(node("ca.org1"), org1);
      revoked = await reenrolled(node("ca.org1"), org1, 3_600_000);
      const authority = new MemberAuthority(org1);
      const certificate = revoked.certificate;
      const aki = Buffer.from(certificate.authorityKeyId ?? []).toString("hex");
      await authority.call(undefined, "POST", "revoke", { serial: certificate.serialHex, aki });
      const { CRL } = await authority.call(undefined, "POST", "gencrl", {});
      const list = Buffer.from(String(CRL), "base64").toString();
      await world.network.updateChannel(CHANNEL, (config) => withRevocationList(config, "Org1MSP", list), ["Org1"]);
    });

    const cast: readonly [string, () => SigningIdentity][] = [
      ["forged", () => forgedIdentity("Org1MSP")],
      ["expired", () => expired],
      ["revoked", () => revoked],
      ["of a member that is not on the channel", () => identityOf(world.network.member("Org3"), "User1")],
    ];
    const newest = { start: { newest: {} }, stop: { newest: {} } };
    const doors: readonly [string, (identity: SigningIdentity) => Promise<string>, RegExp][] = [
      [
        "the endorser",
        async (identity) => {
          const { bytes } = signedProposal({ ...proposal("get", "honest"), identity });
          const answer = await ask(node("peer0.org1"), services.Endorser.methods.ProcessProposal, bytes);
          if (answer.kind !== "message") return JSON.stringify(answer);
          const { response } = protos.ProposalResponse.decode(answer.bytes);
          return `${response?.status} ${response?.message}`;
        },
        /error validating proposal: access denied: channel \[trade\] creator org|proposal client identity expired/,
      ],
      [
        "the gateway",
        async (identity) => {
          const signed = signedProposal({ ...proposal("get", "honest"), identity });
          const request = encode(gateway.EvaluateRequest, {
            channelId: CHANNEL,
            transactionId: signed.txId,
            proposedTransaction: protos.SignedProposal.decode(signed.bytes),
          });
          return JSON.stringify(await ask(node("peer0.org1"), services.Gateway.methods.Evaluate, request));
        },
        /evaluate call to endorser returned error: (error validating proposal: access denied|proposal client identity expired)/,
      ],
      [
        "the orderer's Broadcast",
        async (identity) => broadcast(envelope({ identity, channelId: CHANNEL, chaincode: "basic" })),
        /^FORBIDDEN: .* of the 'Writers' sub-policies to be satisfied: permission denied$|^BAD_REQUEST: broadcast client identity expired$/,
      ],
      [
        "the orderer's Deliver",
        async (identity) => {
          const data = encode(orderer.SeekInfo, newest);
          const answer = await ask(
            node("orderer"),
            services.AtomicBroadcast.methods.Deliver,
            seekEnvelope({ identity, channelId: CHANNEL, data }),
          );
          assert(answer.kind === "message");
          const { status, block } = orderer.DeliverResponse.decode(answer.bytes);
          return block ? "a block" : statusName(Number(status));
        },
        /^FORBIDDEN$/,
      ],
      [
        "the peer's Deliver",
        async (identity) => {
          const seek = seekEnvelope({ identity, channelId: CHANNEL, data: encode(orderer.SeekInfo, newest) });
          const answer = await ask(node("peer0.org1"), services.Deliver.methods.DeliverFiltered, seek);
          assert(answer.kind === "message");
          const response = protos.DeliverResponse.decode(answer.bytes);
          return response.Type === "status" ? statusName(Number(response.status)) : String(response.Type);
        },
        /^FORBIDDEN$/,
      ],
      [
        "chaincode events",
        async (identity) => {
          const request = chaincodeEventsRequest({ identity, channelId: CHANNEL, chaincode: "basic" });
          return JSON.stringify(await ask(node("peer0.org1"), services.Gateway.methods.ChaincodeEvents, request));
        },
        /Failed evaluating policy on signed data/,
      ],
      [
        "discovery",
        async (identity) => {
          const payload = encode(discovery.Request, {
            authentication: { clientIdentity: identity.serialized },
            queries: [{ channel: CHANNEL, configQuery: {} }],
          });
          const request = encode(discovery.SignedRequest, { payload, signature: identity.sign(payload) });
          const answer = await ask(node("peer0.org1"), services.Discovery.methods.Discover, request);
          if (answer.kind !== "message") return JSON.stringify(answer);
          return discovery.Response.decode(answer.bytes)
            .results.map(({ error }) => error?.content ?? "answered")
            .join();
        },
        /access denied/,
      ],
    ];
    // Fabric lets an expired certificate read commit status and chaincode events: its policies do not look at the time.
    const isLetIn = (door: string, what: string) => door === "chaincode events" && what === "expired";
    for (const [door, knock, told] of doors)
      for (const [what, who] of cast.filter(([each]) => !isLetIn(door, each)))
        it(`${what}, is turned away by ${door}`, async () => {
          assert.match(await knock(who()), told);
        });

    it("is turned away by discovery also where it signs for another, or for another request", async () => {
      const discover = async (payload: Uint8Array, signature: Uint8Array) => {
        const request = encode(discovery.SignedRequest, { payload, signature });
        const answer = await ask(node("peer0.org1"), services.Discovery.methods.Discover, request);
        assert(answer.kind === "message");
        return discovery.Response.decode(answer.bytes)
          .results.map(({ error }) => error?.content ?? "answered")
          .join();
      };
      const asked = (queries: discovery.IQuery[]) =>
        encode(discovery.Request, { authentication: { clientIdentity: world.user.serialized }, queries });
      const [one, other] = [
        asked([{ channel: CHANNEL, configQuery: {} }]),
        asked([{ channel: CHANNEL, peerQuery: {} }]),
      ];
      assert.equal(await discover(one, world.user.sign(one)), "answered");
      assert.match(await discover(other, world.user.sign(one)), /access denied/);
      assert.match(await discover(one, identityOf(world.network.member("Org2"), "User1").sign(one)), /access denied/);
      assert.match(await discover(one, highS(world.user.sign(one))), /access denied/);
    });
  });
}
