/** Changes of the configuration that the members did not agree on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import {
  computeConfigUpdate,
  configUpdateEnvelope,
  signConfigUpdate,
  withAnchorPeers,
  withBatchSettings,
  withOrganization,
  withoutOrganization,
} from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import { common, decode, encode, HeaderType, msp } from "@hansa/wire";
import { envelope, highS, identityOf } from "../../faults/forge.js";
import { forgedIdentity } from "../../faults/strangers.js";
import { admin, broadcast, CHANNEL, world } from "./world.js";

export function attackConfiguration(): void {
  describe("a change of the configuration", () => {
    const config = async () => (await (await world.network.settings(CHANNEL)).config()).config;
    const anchors = (port: number) => [{ host: "peer0.org1.example.com", port }];
    type Wrong = {
      readonly signature?: (right: Uint8Array) => Uint8Array;
      readonly update?: (right: Uint8Array) => Uint8Array;
      readonly signed?: Uint8Array;
      readonly channelId?: string;
      readonly submitter?: SigningIdentity;
    };
    /** Has them sign the update that leads from the one to the other. */
    const changed = (
      from: common.IConfig,
      to: common.IConfig,
      signers: readonly SigningIdentity[],
      wrong: Wrong = {},
    ): Uint8Array => {
      const update = encode(common.ConfigUpdate, computeConfigUpdate(CHANNEL, from, to));
      const signatures = signers.map((signer) => {
        const { signatureHeader, signature } = signConfigUpdate(wrong.signed ?? update, signer, randomBytes(24));
        return { signatureHeader, signature: wrong.signature?.(signature!) ?? signature };
      });
      return configUpdateEnvelope({
        channelId: wrong.channelId ?? CHANNEL,
        update: wrong.update?.(update) ?? update,
        signatures,
        submitter: wrong.submitter ?? signers[0] ?? admin("Org1"),
        nonce: randomBytes(24),
        timestampMs: Date.now(),
      });
    };
    /** Says it is Org1, with the certificates of Org3. */
    const impostor = async () => {
      const { values } = (await config()).channelGroup!.groups!.Application!.groups!.Org1MSP!;
      const outer = decode(msp.MSPConfig, values!.MSP!.value!, "MSPConfig");
      const inner = decode(msp.FabricMSPConfig, outer.config, "FabricMSPConfig");
      const { domain } = world.network.member("Org3");
      const folder = world.network.layout.organization("peer", domain);
      inner.rootCerts = [readFileSync(path.join(folder, "ca", `ca.${domain}-cert.pem`))];
      inner.fabricNodeOus = null;
      inner.admins = [Buffer.from(admin("Org3").certificate.pem)];
      const mspConfig = encode(msp.MSPConfig, { type: 0, config: encode(msp.FabricMSPConfig, inner) });
      return { mspId: "Org1MSP", name: "Org9MSP", mspConfig };
    };
    const notSatisfied =
      /^BAD_REQUEST: error applying config update to existing channel 'trade': error authorizing update: error validating DeltaSet: policy for \[\w+\] +\/Channel\/[\w/]+ not satisfied/;

    const attacks: readonly [what: string, attack: () => Promise<Uint8Array>, told: RegExp][] = [
      [
        "that too few have signed",
        async () => changed(await config(), withoutOrganization(await config(), "Org2MSP"), [admin("Org1")]),
        notSatisfied,
      ],
      [
        "that one has signed twice",
        async () =>
          changed(await config(), withoutOrganization(await config(), "Org2MSP"), [admin("Org1"), admin("Org1")]),
        notSatisfied,
      ],
      [
        "that a client has signed in place of an administrator",
        async () => {
          const client = identityOf(world.network.member("Org2"), "User1");
          return changed(await config(), withoutOrganization(await config(), "Org2MSP"), [admin("Org1"), client]);
        },
        notSatisfied,
      ],
      [
        "that somebody has signed who says he is the other member",
        async () => {
          const signers = [admin("Org1"), forgedIdentity("Org2MSP")];
          return changed(await config(), withoutOrganization(await config(), "Org2MSP"), signers);
        },
        notSatisfied,
      ],
      [
        "that the administrator of a member has signed who is not on the channel",
        async () => {
          const signers = [admin("Org1"), admin("Org3")];
          return changed(await config(), withoutOrganization(await config(), "Org2MSP"), signers);
        },
        notSatisfied,
      ],
      [
        "that touches another member's own settings",
        async () => changed(await config(), withAnchorPeers(await config(), "Org2MSP", anchors(1)), [admin("Org1")]),
        notSatisfied,
      ],
      [
        "by which members touch the orderer's settings",
        async () => {
          const batch = {
            batchTimeoutMs: 1,
            maxMessageCount: 1,
            absoluteMaxBytes: 1 << 20,
            preferredMaxBytes: 1 << 19,
          };
          return changed(await config(), withBatchSettings(await config(), batch), [admin("Org1"), admin("Org2")]);
        },
        notSatisfied,
      ],
      [
        "with signatures in their other form, high S",
        async () =>
          changed(await config(), withAnchorPeers(await config(), "Org1MSP", anchors(2)), [admin("Org1")], {
            signature: highS,
          }),
        notSatisfied,
      ],
      [
        "with a signature that was given for another one",
        async () => {
          const given = computeConfigUpdate(
            CHANNEL,
            await config(),
            withAnchorPeers(await config(), "Org1MSP", anchors(3)),
          );
          const signed = encode(common.ConfigUpdate, given);
          return changed(await config(), withAnchorPeers(await config(), "Org1MSP", anchors(4)), [admin("Org1")], {
            signed,
          });
        },
        notSatisfied,
      ],
      [
        "that was altered after it was signed",
        async () => {
          const edited = withAnchorPeers(await config(), "Org1MSP", [{ host: "peer0.org1.example.com", port: 5 }]);
          const update = (right: Uint8Array) => {
            const text = Buffer.from(right)
              .toString("latin1")
              .replace("peer0.org1.example.com", "peer0.evil.example.com");
            return Buffer.from(text, "latin1");
          };
          return changed(await config(), edited, [admin("Org1")], { update });
        },
        notSatisfied,
      ],
      [
        "that was made for another channel",
        async () => {
          const edited = withAnchorPeers(await config(), "Org1MSP", anchors(6));
          const update = (right: Uint8Array) => {
            const decoded = decode(common.ConfigUpdate, right, "ConfigUpdate");
            return encode(common.ConfigUpdate, { ...decoded, channelId: "elsewhere" });
          };
          return changed(await config(), edited, [admin("Org1")], { update });
        },
        /^BAD_REQUEST: .*ConfigUpdate for channel 'elsewhere' but envelope for channel 'trade'/,
      ],
      [
        "that admits an organisation under the name of a member",
        async () =>
          changed(await config(), withOrganization(await config(), await impostor()), [admin("Org1"), admin("Org2")]),
        /^BAD_REQUEST: .*Attempted to define two different versions of MSP: Org1MSP/,
      ],
      [
        "that a stranger sends",
        async () => {
          const submitter = forgedIdentity("Org1MSP");
          return changed(await config(), withAnchorPeers(await config(), "Org1MSP", anchors(7)), [admin("Org1")], {
            submitter,
          });
        },
        /^FORBIDDEN/,
      ],
      [
        "in the form that only the orderer makes, a CONFIG transaction",
        async () => {
          const data = encode(common.ConfigEnvelope, { config: await config() });
          return envelope({ identity: admin("Org1"), channelId: CHANNEL, type: HeaderType.CONFIG, data });
        },
        /^(BAD_REQUEST|FORBIDDEN)/,
      ],
    ];
    for (const [what, attack, told] of attacks)
      it(`${what} is refused`, async () => {
        const sequence = Number((await config()).sequence);
        assert.match(await broadcast(await attack()), told);
        assert.equal(Number((await config()).sequence), sequence);
      });

    it("that is out of date, or sent once more, is refused", async () => {
      const before = await config();
      const good = changed(before, withAnchorPeers(before, "Org1MSP", anchors(7051)), [admin("Org1")]);
      const late = changed(before, withAnchorPeers(before, "Org1MSP", anchors(7052)), [admin("Org1")]);
      assert.equal(await broadcast(good), "SUCCESS");
      const outOfDate =
        /^BAD_REQUEST: .*(proposed update requires that key .* be at version 0, but it is currently at version 1|attempt to set key .* to version \d+, but key is at version \d+)/;
      assert.match(await broadcast(late), outOfDate);
      assert.match(await broadcast(good), outOfDate);
    });
  });
}
