import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError, type Logger } from "@hansa/primitives";
import { decode, encode, lifecycle, type protos, toNumber } from "@hansa/wire";
import { evaluate, submit, type Target } from "../client/admin-client.js";
import { nextQuestionInMs } from "../client/patience.js";
import type { DeployedContract } from "../plan/state-file.js";
import { install } from "./lifecycle.js";

export type BringRequest = {
  readonly peer: Target;
  readonly orderer: Target;
  /** Of the peer's organisation. */
  readonly admin: SigningIdentity;
  /** What the network deployed on the peer's channels; `file` holds the package. */
  readonly contracts: readonly (DeployedContract & { readonly file: string })[];
  readonly logger: Logger;
  /** Resolves when the peer has come to its channels' newest blocks, so that it need not be asked before. */
  readonly caughtUp?: Promise<void>;
};

/** A long ledger takes its time. */
const CAUGHT_UP_WITHIN_MS = 600_000;

/**
 * Makes a peer that came to channels late able to endorse there: installs the packages, and has its organisation
 * approve the definitions in force, once.
 * @throws HansaError CONTRACT_BUILD, TIMED_OUT when the peer does not catch up, ENDORSEMENT_REFUSED, …
 */
export async function bringContracts(request: BringRequest): Promise<void> {
  const { peer, admin, contracts } = request;
  const packages = new Map(contracts.map(({ packageId, file }) => [packageId, file]));
  await Promise.all(
    [...packages].map(async ([id, file]) =>
      install(peer, admin, { id, label: id.split(":")[0]!, bytes: await readFile(file) }),
    ),
  );
  await request.caughtUp;
  // Approvals of one organisation on one channel write the same keys.
  const channels = new Set(contracts.map(({ channel }) => channel));
  await Promise.all(
    [...channels].map(async (channel) => {
      for (const contract of contracts.filter((each) => each.channel === channel)) await approve(request, contract);
    }),
  );
}

async function approve({ peer, orderer, admin, logger }: BringRequest, contract: DeployedContract): Promise<void> {
  const { channel, name, packageId } = contract;
  const ask = (fn: string, argument: Uint8Array) =>
    evaluate(peer, admin, { channelId: channel, chaincode: "_lifecycle", args: [fromUtf8(fn), argument] });
  const definition = await caughtUp(peer, contract, async () =>
    decode(
      lifecycle.QueryChaincodeDefinitionResult,
      await ask("QueryChaincodeDefinition", encode(lifecycle.QueryChaincodeDefinitionArgs, { name })),
      "lifecycle.QueryChaincodeDefinitionResult",
    ),
  );
  const sequence = toNumber(definition.sequence);
  if (sequence > contract.sequence) {
    // Deployed anew by other means: which package it means is not known here.
    logger.warn("contract was deployed by other means", { channel, name, sequence });
    return;
  }
  const approved = await ask(
    "QueryApprovedChaincodeDefinition",
    encode(lifecycle.QueryApprovedChaincodeDefinitionArgs, { name, sequence }),
  ).then(
    (bytes) =>
      decode(
        lifecycle.QueryApprovedChaincodeDefinitionResult,
        bytes,
        "lifecycle.QueryApprovedChaincodeDefinitionResult",
      ).source?.localPackage?.packageId,
    (error: unknown) => {
      if (error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED") return undefined;
      throw error;
    },
  );
  if (approved === packageId) return;
  const { version, endorsementPlugin, validationPlugin, validationParameter, initRequired } = definition;
  const collections = definition.collections as protos.ICollectionConfigPackage | null | undefined;
  const argument = encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, {
    sequence,
    name,
    version,
    endorsementPlugin,
    validationPlugin,
    validationParameter,
    initRequired,
    ...(collections ? { collections } : {}),
    source: { localPackage: { packageId } },
  });
  await submit([peer], orderer, [peer], admin, {
    channelId: channel,
    chaincode: "_lifecycle",
    args: [fromUtf8("ApproveChaincodeDefinitionForMyOrg"), argument],
  });
}

/** Asks until the peer has come to the block in which the definition was committed, and to its member's admission. */
async function caughtUp<T extends { sequence?: unknown }>(
  peer: Target,
  { channel, name, sequence }: DeployedContract,
  ask: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    let reason: string;
    try {
      const definition = await ask();
      const found = toNumber(definition.sequence as Parameters<typeof toNumber>[0]);
      if (found >= sequence) return definition;
      reason = `it has sequence ${found} of ${sequence}`;
    } catch (error) {
      if (!(error instanceof HansaError) || error.code !== "ENDORSEMENT_REFUSED") throw error;
      reason = error.message;
    }
    const waitedMs = performance.now() - startedAt;
    if (waitedMs > CAUGHT_UP_WITHIN_MS)
      throw new HansaError(
        "TIMED_OUT",
        `${peer.name} does not come to contract ${name} on channel ${channel}: ${reason}.`,
        {
          nextStep: "See what the nodes are doing with: hansa status",
        },
      );
    await sleep(nextQuestionInMs(waitedMs));
  }
}
