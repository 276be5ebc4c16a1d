import type { Command } from "./command.js";
import { apply } from "./commands/apply.js";
import { bill } from "./commands/bill.js";
import {
  caAffiliations,
  caCertificates,
  caEnroll,
  caGencrl,
  caIdentities,
  caInfo,
  caReenroll,
  caRegister,
  caRevoke,
} from "./commands/ca.js";
import { channelCreate, channelList } from "./commands/channel.js";
import { channelFetch, channelInfo, channelJoin, channelLeave } from "./commands/channel-nodes.js";
import { clockAdvance, clockShow } from "./commands/clock.js";
import { configDiff, configShow, configUpdate } from "./commands/config.js";
import { configSign } from "./commands/config-sign.js";
import { connection } from "./commands/connection.js";
import { contractDev } from "./commands/contract-dev.js";
import { contractNew } from "./commands/contract-new.js";
import { controlPlaneDown, controlPlaneStatus, controlPlaneUp } from "./commands/control-plane.js";
import { deploy } from "./commands/deploy.js";
import { down } from "./commands/down.js";
import { enrol } from "./commands/enrol.js";
import { env } from "./commands/env.js";
import { governanceLog } from "./commands/governance.js";
import { invitationList, invitationReject } from "./commands/invitation.js";
import { journalDigest, journalExport, journalImport, journalVerifyExport } from "./commands/journal.js";
import { journalStream } from "./commands/journal-stream.js";
import { logs } from "./commands/logs.js";
import { memberJoin, memberLeave, memberList } from "./commands/member.js";
import { memberWhy } from "./commands/member-why.js";
import { networkCreate, networkList, networkShow } from "./commands/network.js";
import { nodeCreate, nodeDelete, nodeList } from "./commands/node.js";
import { orderer, ordererStart } from "./commands/orderer-node.js";
import {
  peerNodePause,
  peerNodeRebuild,
  peerNodeReset,
  peerNodeResume,
  peerNodeRollback,
  peerNodeUnjoin,
} from "./commands/peer-ledger.js";
import { peerNodeStart } from "./commands/peer-node.js";
import { proposalCreate, proposalList, proposalShow } from "./commands/proposal.js";
import { receipt, verify } from "./commands/receipt.js";
import { snapshotCancel, snapshotJoin, snapshotList, snapshotSubmit } from "./commands/snapshot.js";
import { status } from "./commands/status.js";
import { invoke, query } from "./commands/transact.js";
import { txExplain } from "./commands/tx-explain.js";
import { up } from "./commands/up.js";
import { vote } from "./commands/vote.js";

export type CommandGroup = { readonly title: string; readonly commands: readonly Command[] };

export const GROUPS: readonly CommandGroup[] = [
  { title: "A network on this machine", commands: [up, apply, status, logs, down] },
  {
    title: "Channels and contracts",
    commands: [channelList, channelCreate, contractNew, contractDev, deploy, invoke, query, txExplain],
  },
  {
    title: "A channel's blocks, nodes and configuration",
    commands: [channelInfo, channelFetch, channelJoin, channelLeave, configShow, configDiff, configUpdate, configSign],
  },
  {
    title: "Snapshots, and the ledgers of a stopped peer",
    commands: [
      snapshotSubmit,
      snapshotList,
      snapshotCancel,
      snapshotJoin,
      peerNodeRollback,
      peerNodeReset,
      peerNodeRebuild,
      peerNodePause,
      peerNodeResume,
      peerNodeUnjoin,
    ],
  },
  {
    title: "Proof",
    commands: [receipt, verify, journalDigest, journalExport, journalVerifyExport, journalImport, journalStream],
  },
  { title: "Identities", commands: [enrol, env, connection] },
  {
    title: "A member's certificate authority",
    commands: [
      caInfo,
      caRegister,
      caEnroll,
      caReenroll,
      caRevoke,
      caGencrl,
      caIdentities,
      caAffiliations,
      caCertificates,
    ],
  },
  { title: "Nodes from Fabric's own files", commands: [peerNodeStart, ordererStart, orderer] },
  {
    title: "Members and votes, through the Managed Blockchain API",
    commands: [
      controlPlaneUp,
      controlPlaneStatus,
      controlPlaneDown,
      networkList,
      networkShow,
      networkCreate,
      memberList,
      memberJoin,
      memberLeave,
      memberWhy,
      nodeList,
      nodeCreate,
      nodeDelete,
      proposalList,
      proposalShow,
      proposalCreate,
      vote,
      invitationList,
      invitationReject,
      governanceLog,
      clockShow,
      clockAdvance,
      bill,
    ],
  },
];

export const COMMANDS: readonly Command[] = GROUPS.flatMap(({ commands }) => commands);
