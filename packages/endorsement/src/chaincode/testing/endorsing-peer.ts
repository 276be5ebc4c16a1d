/** An endorsing peer out of its parts, without disk and network. */
import type { MspManager, SigningIdentity } from "@hansa/msp";
import type { Bytes, Clock } from "@hansa/primitives";
import { RunnableChaincodes } from "../../lifecycle/installed.js";
import { AccessControl } from "../access.js";
import type { EndorserChannel } from "../channel.js";
import { ConfigChaincode } from "../config-chaincode.js";
import { createEndorser, type Endorser } from "../endorse.js";
import { type ChaincodeProcesses, Invoker } from "../invoker.js";
import { LegacyLifecycleChaincode } from "../legacy-lifecycle-chaincode.js";
import { type InstalledChaincodes, LifecycleChaincode } from "../lifecycle-chaincode.js";
import { QueryChaincode } from "../query-chaincode.js";
import type { SystemChaincode } from "../system-chaincode.js";

export type EndorsingPeerOptions = {
  /** The peer's own identity; its organisation is the peer's. */
  readonly signer: SigningIdentity;
  /** Holds the peer's own organisation and nothing else. */
  readonly localMsp: MspManager;
  readonly clock: Clock;
  readonly channel: (channelId: string) => EndorserChannel | undefined;
  /** Channels that this peer has joined. */
  readonly channelIds: () => readonly string[];
  /** Joins the channel of a genesis block. @throws with a reason, e.g. when it is joined already */
  readonly join: (channelId: string, genesisBlock: Bytes) => Promise<void>;
  readonly installed: InstalledChaincodes;
  readonly processes: ChaincodeProcesses;
  /** How long a chaincode may take for one call; 30 s when absent, as in Fabric. */
  readonly executeTimeoutMs?: number;
  /** Proposals whose own time is further away than this are rejected. Undefined: any time is taken, as in v2.5. */
  readonly proposalWindowMs?: number;
};

export type EndorsingPeer = {
  readonly endorser: Endorser;
  readonly access: AccessControl;
  /** Which package this peer runs for a committed definition. */
  readonly runnable: RunnableChaincodes;
};

const DEFAULT_EXECUTE_TIMEOUT_MS = 30_000;

export function createEndorsingPeer(options: EndorsingPeerOptions): EndorsingPeer {
  const { signer, localMsp, clock, channel, channelIds, join, installed, processes, proposalWindowMs } = options;
  const { mspId } = signer;
  const access = new AccessControl({ localMsp, mspId, config: (channelId) => channel(channelId)?.config });
  const runnable = new RunnableChaincodes(mspId, () => installed.list().map(({ packageId }) => packageId));
  const chaincodes: SystemChaincode[] = [
    new LifecycleChaincode({ mspId, access, channel, channelIds, installed, runnable }),
    new ConfigChaincode({
      access,
      channel,
      channelIds,
      join,
      joinBySnapshot: async () => {},
      joiningSnapshot: () => undefined,
    }),
    new QueryChaincode({ access, channel }),
    new LegacyLifecycleChaincode(access),
  ];
  const invoker = new Invoker({
    channel,
    access,
    runnable,
    processes,
    system: new Map(chaincodes.map((each) => [each.name, each])),
    executeTimeoutMs: options.executeTimeoutMs ?? DEFAULT_EXECUTE_TIMEOUT_MS,
  });
  const endorser = createEndorser({ signer, localMsp, channel, access, invoker, clock, proposalWindowMs });
  return { endorser, access, runnable };
}
