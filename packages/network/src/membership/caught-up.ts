import { setTimeout as sleep } from "node:timers/promises";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { common, decode, splitBlock, toNumber } from "@hansa/wire";
import { evaluate } from "../client/admin-client.js";
import { nextQuestionInMs } from "../client/patience.js";
import { servingOrderer } from "../client/serving-orderer.js";
import { readBlock } from "../governance/ordered-channels.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { PlannedNode } from "../plan/plan.js";
import type { NetworkCore } from "./core.js";

/** A long ledger takes its time. */
const WITHIN_MS = 600_000;

/**
 * Resolves when a peer has the blocks that its channels have now.
 * @throws HansaError TIMED_OUT, NODE_UNREACHABLE
 */
export async function caughtUp(network: NetworkCore, node: PlannedNode): Promise<void> {
  const { view, layout } = network;
  const orderer = await servingOrderer(view);
  const [operator, admin] = await Promise.all(
    [orderer.organization, node.organization].map((each) => readIdentity(each.mspId, userFiles(layout, each, "Admin"))),
  );
  const channels = view.config.channels.filter(({ members }) => members.includes(node.organization.name));
  const startedAt = performance.now();
  await Promise.all(
    channels.map(async ({ name: channelId }) => {
      const newest = await readBlock(view.target(orderer), operator!, channelId, { newest: {} });
      const wanted = Number(splitBlock(newest).header.number) + 1;
      const question = {
        channelId,
        chaincode: "qscc",
        args: [fromUtf8("GetChainInfo"), fromUtf8(channelId)],
      };
      for (;;) {
        const height = await evaluate(view.target(node), admin!, question).then(
          (bytes) => toNumber(decode(common.BlockchainInfo, bytes, "common.BlockchainInfo").height),
          (error: unknown) => {
            // It has not come to the block yet by which its member may ask.
            if (error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED") return 0;
            throw error;
          },
        );
        if (height >= wanted) return;
        const waitedMs = performance.now() - startedAt;
        if (waitedMs > WITHIN_MS)
          throw new HansaError("TIMED_OUT", `${node.id} has ${height} of ${wanted} blocks of channel ${channelId}.`, {
            nextStep: "See what the nodes are doing with: hansa status",
          });
        await sleep(nextQuestionInMs(waitedMs));
      }
    }),
  );
}
