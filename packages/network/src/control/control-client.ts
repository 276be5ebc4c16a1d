import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { HansaError } from "@hansa/primitives";
import { GrpcStatus, plainReason, RpcClient, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, services, toNumber } from "@hansa/wire";
import type { NewChannel, NewMember, NewPeer, OrderedChannel } from "../membership/running-network.js";
import { isAlive } from "../nodes/alive.js";
import type { Layout } from "../plan/layout.js";
import type { SupervisorRecord } from "./control-server.js";
import { failureOf } from "./failure.js";

export type NodeStatus = {
  readonly id: string;
  readonly kind: string;
  readonly organization: string;
  readonly state: string;
  readonly pid: number | undefined;
  readonly address: string;
  readonly adminAddress: string | undefined;
  /** Health, metrics and log levels; undefined where they are not served. */
  readonly operationsUrl: string | undefined;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly lastFailure: string | undefined;
  /** Files of evidence that an orderer has shown this peer two histories. */
  readonly alarms: readonly string[];
};

export type NetworkStatus = {
  readonly network: string;
  readonly supervisorPid: number;
  readonly startedAtMs: number;
  readonly nodes: readonly NodeStatus[];
};

const STATUS_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 60_000;
/** A contract may have to be built. */
const CHANGE_TIMEOUT_MS = 300_000;

/** Undefined when no supervisor runs for this data folder, whatever files an earlier one left behind. */
export async function findSupervisor(layout: Layout): Promise<SupervisorRecord | undefined> {
  const text = await readFile(layout.supervisorFile, "utf8").catch(unlessForbidden);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as SupervisorRecord;
    // A process id alone says little: after a crash it may be another process's, or that of one already dead.
    return isAlive(record.pid) && (await isListening(record.socket)) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Of a network that somebody else runs it cannot be said that it does not run. */
function unlessForbidden(error: NodeJS.ErrnoException): undefined {
  if (error.code === "EACCES" || error.code === "EPERM") throw error;
}

export async function askStatus(supervisor: SupervisorRecord): Promise<NetworkStatus> {
  const bytes = await call(supervisor, "Status", encode(hansa.control.StatusRequest, {}), STATUS_TIMEOUT_MS);
  const answer = decode(hansa.control.StatusResponse, bytes, "hansa.control.StatusResponse");
  return {
    network: answer.network,
    supervisorPid: answer.supervisorPid,
    startedAtMs: toNumber(answer.startedAtMs),
    nodes: answer.nodes.map((node) => ({
      id: node.id ?? "",
      kind: node.kind ?? "",
      organization: node.organization ?? "",
      state: node.state ?? "",
      pid: node.pid === 0 ? undefined : (node.pid ?? undefined),
      address: node.address ?? "",
      adminAddress: node.adminAddress === "" ? undefined : (node.adminAddress ?? undefined),
      operationsUrl: node.operationsUrl === "" ? undefined : (node.operationsUrl ?? undefined),
      restarts: node.restarts ?? 0,
      startedAtMs: toNumber(node.startedAtMs),
      lastFailure: node.lastFailure === "" ? undefined : (node.lastFailure ?? undefined),
      alarms: node.alarms ?? [],
    })),
  };
}

/** Stops the network and waits until its supervisor is gone. */
export async function askStop(supervisor: SupervisorRecord): Promise<void> {
  await call(supervisor, "Stop", encode(hansa.control.StopRequest, {}), STOP_TIMEOUT_MS);
  for (let waitedMs = 0; isAlive(supervisor.pid) && waitedMs < 10_000; waitedMs += 20)
    await new Promise((done) => setTimeout(done, 20));
}

/** See RunningNetwork.addMember. @throws HansaError */
export async function askAddMember(supervisor: SupervisorRecord, member: NewMember): Promise<void> {
  const { admin, ...known } = member;
  const adminFields = admin === undefined ? {} : { adminUsername: admin.username, adminPassword: admin.password };
  const request = encode(hansa.control.AddMemberRequest, { ...known, users: [...member.users], ...adminFields });
  await call(supervisor, "AddMember", request, CHANGE_TIMEOUT_MS);
}

/** See RunningNetwork.removeMember; what its nodes keep is deleted. @throws HansaError */
export async function askRemoveMember(supervisor: SupervisorRecord, mspId: string): Promise<void> {
  await call(supervisor, "RemoveMember", encode(hansa.control.MemberRequest, { mspId }), CHANGE_TIMEOUT_MS);
}

/** See RunningNetwork.addPeer. @throws HansaError */
export async function askAddPeer(supervisor: SupervisorRecord, { extraHosts = [], ...peer }: NewPeer): Promise<void> {
  const request = encode(hansa.control.AddPeerRequest, { peer, extraHosts: [...extraHosts] });
  await call(supervisor, "AddPeer", request, CHANGE_TIMEOUT_MS);
}

/** See RunningNetwork.createChannel. @throws HansaError */
export async function askCreateChannel(supervisor: SupervisorRecord, channel: NewChannel): Promise<void> {
  const { name, members, endorsement = "", batch } = channel;
  const request = encode(hansa.control.CreateChannelRequest, {
    name,
    members: [...members],
    endorsement,
    batchTimeoutMs: batch?.timeoutMs ?? 0,
    maxMessageCount: batch?.maxMessageCount ?? 0,
    preferredMaxBytes: batch?.preferredMaxBytes ?? 0,
    absoluteMaxBytes: batch?.absoluteMaxBytes ?? 0,
  });
  await call(supervisor, "CreateChannel", request, CHANGE_TIMEOUT_MS);
}

/** See RunningNetwork.channels. @throws HansaError */
export async function askChannels(supervisor: SupervisorRecord): Promise<OrderedChannel[]> {
  const bytes = await call(supervisor, "Channels", encode(hansa.control.ChannelsRequest, {}), CHANGE_TIMEOUT_MS);
  const { channels } = decode(hansa.control.ChannelsResponse, bytes, "hansa.control.ChannelsResponse");
  return channels.map(({ name, mspIds }) => ({ name: name ?? "", mspIds: mspIds ?? [] }));
}

async function call(
  { pid, socket }: SupervisorRecord,
  method: keyof typeof services.Control.methods,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const client = new RpcClient(`unix:${socket}`);
  try {
    return await client.unary(services.Control.methods[method], request, { timeoutMs });
  } catch (cause) {
    if (!(cause instanceof RpcStatus)) throw cause;
    const failed = cause.code === GrpcStatus.INTERNAL || cause.code === GrpcStatus.UNKNOWN;
    if (failureOf(cause) === undefined && failed)
      throw new HansaError("UNEXPECTED", `The network's supervisor failed: ${cause.message}.`, {
        cause,
        nextStep: "Read why with: hansa logs supervisor",
      });
    throw (
      failureOf(cause) ??
      new HansaError(
        "SUPERVISOR_UNREACHABLE",
        `The network's supervisor, process ${pid}, does not answer: ${plainReason(cause.message)}.`,
        {
          cause,
          nextStep: `End that process and start the network again: its data is kept.`,
        },
      )
    );
  } finally {
    client.close();
  }
}

/** Whether somebody accepts connections there; one that hangs still does. */
function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const answer = (listening: boolean) => {
      connection.destroy();
      resolve(listening);
    };
    connection.once("connect", () => answer(true));
    connection.once("error", ({ code }: NodeJS.ErrnoException) => answer(code !== "ENOENT" && code !== "ECONNREFUSED"));
  });
}
