/** CreateNode, GetNode, ListNodes, UpdateNode, DeleteNode. Nodes are peers; a node belongs to a member. */
import { endpoint } from "../arns.js";
import { invalid, limit, notFound, notReady } from "../errors.js";
import type { Input } from "../input/inputs.js";
import type { MemberView, NetworkView } from "../model/network-view.js";
import { adoptedRow, type NodeView, nodeView } from "../model/node-view.js";
import { type NodeRow, put } from "../model/rows.js";
import { instanceTypes, PEERS_PER_MEMBER } from "../quotas.js";
import { type Answer, type Context, freshId, iso } from "./context.js";
import { OWN_KEY } from "./members.js";

export async function createNode(context: Context, input: Input<"CreateNode">): Promise<Answer> {
  const { world, accountId } = context;
  const { networkId } = input;
  const memberId = needMember(input.MemberId, "MemberId");
  // The quota counts peers that came with the network too, so they must have been seen.
  await world.observer.find(networkId, () => true);
  const answer = await context.tokens.answer(
    { accountId, operation: "CreateNode", token: input.ClientRequestToken, input, networkId },
    {
      begin: () => {
        const view = context.readyNetwork(networkId);
        const member = context.actingMember(view, memberId);
        const row = newRow(context, view, member, input);
        checkNodeQuota(context, view, member);
        const tags = context.newTags(world.arn("nodes", row.nodeId, accountId), input.Tags);
        return { answer: { NodeId: row.nodeId }, changes: [put("node", row.nodeId, row), ...tags] };
      },
    },
  );
  context.work.makeNode(String(answer.NodeId));
  return answer;
}

export async function getNode(context: Context, input: Input<"GetNode">): Promise<Answer> {
  const { view, member, node } = await findNode(context, input, needMember(input.memberId, "memberId"));
  const { region, endpoints } = context.world.settings;
  const { row, operated } = node;
  const address = operated && endpoint(operated, view.networkId, region, endpoints);
  return {
    Node: {
      NetworkId: view.networkId,
      MemberId: member.memberId,
      ...summaryOf(context, node),
      FrameworkAttributes: { Fabric: { PeerEndpoint: address, PeerEventEndpoint: address } },
      LogPublishingConfiguration: {
        Fabric: {
          ChaincodeLogs: { Cloudwatch: { Enabled: row.chaincodeLogs } },
          PeerLogs: { Cloudwatch: { Enabled: row.peerLogs } },
        },
      },
      StateDB: row.stateDb,
      Tags: context.tagsOf(context.world.arn("nodes", row.nodeId, row.accountId)),
      KmsKeyArn: member.row?.kmsKeyArn ?? OWN_KEY,
    },
  };
}

export async function listNodes(context: Context, input: Input<"ListNodes">): Promise<Answer> {
  const view = context.network(input.networkId);
  const member = context.ownMember(view, needMember(input.memberId, "memberId"));
  const { status } = input;
  const nodes = (await nodesOf(context, view, member)).filter((node) => status === undefined || node.status === status);
  const place = ({ row }: NodeView) => ({ at: row.createdAt, id: row.nodeId });
  const filters = [view.networkId, member.memberId, status];
  const { items, nextToken } = context.page("nodes", filters, nodes, place, input, 20);
  return { Nodes: items.map((node) => summaryOf(context, node)), NextToken: nextToken };
}

export async function updateNode(context: Context, input: Input<"UpdateNode">): Promise<Answer> {
  const { node } = await findNode(context, input, needMember(input.MemberId, "MemberId"));
  const { row, status } = node;
  if (status === "CREATING" || status === "CREATE_FAILED" || status === "DELETING")
    throw invalid(`Node ${row.nodeId} is ${status} and cannot be updated.`);
  const logs = input.LogPublishingConfiguration?.Fabric;
  const peerLogs = logs?.PeerLogs?.Cloudwatch?.Enabled ?? row.peerLogs;
  const chaincodeLogs = logs?.ChaincodeLogs?.Cloudwatch?.Enabled ?? row.chaincodeLogs;
  if (peerLogs === row.peerLogs && chaincodeLogs === row.chaincodeLogs) return {};
  // The row as it is now: it may have changed while the network was asked.
  const current = context.world.rows.get("node", row.nodeId) ?? row;
  if (current.state !== "ready") throw invalid(`Node ${row.nodeId} is being deleted and cannot be updated.`);
  await context.world.rows.write(put("node", row.nodeId, { ...current, peerLogs, chaincodeLogs }));
  context.work.setNodeLogs(row.nodeId);
  return {};
}

export async function deleteNode(context: Context, input: Input<"DeleteNode">): Promise<Answer> {
  const { view, node } = await findNode(context, input, needMember(input.memberId, "memberId"));
  const { row, status } = node;
  if (status === "CREATING" || status === "DELETING") throw notReady(`Node ${row.nodeId} is ${status}.`);
  const current = context.world.rows.get("node", row.nodeId) ?? row;
  if (current.state === "deleting" || current.state === "deleted") throw notReady(`Node ${row.nodeId} is DELETING.`);
  const deletedAt = view.now;
  await context.world.rows.write(put("node", row.nodeId, { ...current, state: "deleting", deletedAt }));
  context.work.removeNode(row.nodeId);
  return {};
}

/** The member's nodes, those that are gone included. */
export async function nodesOf(context: Context, view: NetworkView, member: MemberView): Promise<NodeView[]> {
  const { world } = context;
  const { clock, createDelayMs, region } = world.settings;
  // First the rows, then what runs: a node that is made in between says CREATING, not FAILED.
  const rows = [...world.rows.all("node").values()].filter(({ memberId }) => memberId === member.memberId);
  const running = await world.observer.nodes(view.networkId);
  const withRow = new Set(rows.map(({ nodeId }) => nodeId));
  const others = (running ?? world.observer.last(view.networkId))
    .filter(({ kind, memberId, nodeId }) => kind === "peer" && memberId === member.memberId && !withRow.has(nodeId))
    // One whose row was written meanwhile is told by its row.
    .map((node) => world.rows.get("node", node.nodeId) ?? adoptedRow(node, member, `${region}a`));
  return [...rows, ...others].map((row) => {
    const isUpdating = context.work.isUpdating(row.nodeId);
    return nodeView({ member, row, running, isUpdating, wall: clock.now(), createDelayMs });
  });
}

async function findNode(context: Context, input: { networkId: string; nodeId: string }, memberId: string) {
  const view = context.network(input.networkId);
  const member = context.ownMember(view, memberId);
  const node = (await nodesOf(context, view, member)).find(({ row }) => row.nodeId === input.nodeId);
  if (node === undefined || node.status === "DELETED")
    throw notFound(
      `Node ${input.nodeId} of member ${memberId} not found.`,
      context.world.arn("nodes", input.nodeId, member.accountId),
    );
  return { view, member, node };
}

function newRow(context: Context, view: NetworkView, member: MemberView, input: Input<"CreateNode">): NodeRow {
  const { world, accountId } = context;
  const { region } = world.settings;
  const { InstanceType, AvailabilityZone, StateDB, LogPublishingConfiguration } = input.NodeConfiguration;
  const types = instanceTypes(view.edition, world.settings.quotas);
  if (!types.includes(InstanceType))
    throw invalid(`InstanceType ${InstanceType} is not one of the ${view.edition} edition: ${types.join(", ")}.`);
  const zone = AvailabilityZone ?? `${region}a`;
  if (!zone.startsWith(region) || !/^[a-f]$/.test(zone.slice(region.length)))
    throw invalid(`AvailabilityZone ${zone} is not a zone of ${region}; ${region}a is one.`);
  const onlyLevel = view.frameworkVersion === "1.2";
  if (onlyLevel && StateDB === "CouchDB") throw invalid("StateDB must be LevelDB with framework version 1.2.");
  const parts = [accountId, region, "CreateNode", view.networkId, member.memberId, input.ClientRequestToken];
  return {
    nodeId: freshId("nd", parts, (id) => world.rows.get("node", id) !== undefined),
    networkId: view.networkId,
    memberId: member.memberId,
    accountId,
    instanceType: InstanceType,
    availabilityZone: zone,
    stateDb: StateDB ?? (onlyLevel ? "LevelDB" : "CouchDB"),
    peerLogs: LogPublishingConfiguration?.Fabric?.PeerLogs?.Cloudwatch?.Enabled ?? false,
    chaincodeLogs: LogPublishingConfiguration?.Fabric?.ChaincodeLogs?.Cloudwatch?.Enabled ?? false,
    createdAt: view.now,
    createdWall: world.wall,
    state: "creating",
  };
}

function checkNodeQuota(context: Context, view: NetworkView, member: MemberView): void {
  if (!context.quotasOn) return;
  const { world } = context;
  const rows = [...world.rows.all("node").values()].filter(({ memberId }) => memberId === member.memberId);
  const known = new Set(rows.map(({ nodeId }) => nodeId));
  const adopted = world.observer
    .last(view.networkId)
    .filter(({ kind, memberId, nodeId }) => kind === "peer" && memberId === member.memberId && !known.has(nodeId));
  const taken = rows.filter(({ state }) => state !== "deleted" && state !== "failed").length + adopted.length;
  const most = PEERS_PER_MEMBER[view.edition];
  if (taken >= most)
    throw limit(
      `Member ${member.memberId} has ${taken} peer nodes, and ${most} is the limit of the ${view.edition} edition.`,
    );
}

function summaryOf(context: Context, { row, status }: NodeView) {
  return {
    Id: row.nodeId,
    Status: status,
    CreationDate: iso(row.createdAt),
    AvailabilityZone: row.availabilityZone,
    InstanceType: row.instanceType,
    Arn: context.world.arn("nodes", row.nodeId, row.accountId),
  };
}

function needMember(memberId: string | undefined, name: string): string {
  if (memberId === undefined) throw invalid(`${name} is required for nodes of Hyperledger Fabric networks.`);
  return memberId;
}
