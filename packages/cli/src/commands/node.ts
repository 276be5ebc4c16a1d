import { readPeer, startPeer } from "../api/acts.js";
import { typedId } from "../api/ids.js";
import { AS_MEMBER, Session } from "../api/session.js";
import type { Node, NodeSummary } from "../api/shapes.js";
import type { Command } from "../command.js";
import { table } from "../output.js";

export const nodeList: Command = {
  name: "node list",
  summary: "the peers of a member, as the service sees them",
  usage: "",
  options: { as: AS_MEMBER },
  positionals: { min: 0, max: 0 },
  examples: ["hansa node list --as Farm"],
  async run(call) {
    const session = await Session.open(call);
    const scope = await session.member(call, call.options.text("as"));
    const { account, member, path } = scope;
    const summaries = await account.client.list<NodeSummary>(`${path}/nodes`, "Nodes", { memberId: member.Id });
    const nodes = await Promise.all(
      summaries.map(async (summary) => {
        if (summary.Status === "DELETED") return { ...summary, MemberId: member.Id } satisfies Node;
        return readPeer(scope, summary.Id);
      }),
    );
    const rows = nodes.map(({ Id, Status, InstanceType, StateDB, FrameworkAttributes }) => [
      Id,
      Status,
      InstanceType,
      StateDB ?? "-",
      FrameworkAttributes?.Fabric?.PeerEndpoint ?? "-",
    ]);
    return {
      data: nodes,
      text:
        rows.length === 0
          ? `${member.Name} has no node.\nMake one with: hansa node create --as ${member.Name}\n`
          : table([["id", "status", "type", "state", "endpoint"], ...rows]),
    };
  },
};

export const nodeCreate: Command = {
  name: "node create",
  summary: "start a peer of your member, on all its channels",
  usage: "",
  options: {
    as: AS_MEMBER,
    type: { type: "string", value: "type", about: "instance type, for quotas and prices; bc.t3.small unless given" },
    zone: { type: "string", value: "zone", about: "availability zone; the region's first unless given" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["hansa node create --as Farm"],
  async run(call) {
    const session = await Session.open(call);
    const scope = await session.member(call, call.options.text("as"));
    const [type, zone] = [call.options.text("type"), call.options.text("zone")];
    const node = await startPeer(call, session, scope, {
      ...(type === undefined ? {} : { type }),
      ...(zone === undefined ? {} : { zone }),
    });
    const endpoint = node.FrameworkAttributes?.Fabric?.PeerEndpoint ?? "";
    return { data: node, text: `Peer ${node.Id} of ${scope.member.Name} is ${node.Status} at ${endpoint}.\n` };
  },
};

export const nodeDelete: Command = {
  name: "node delete",
  summary: "stop a peer of your member and delete its data",
  usage: "<node>",
  options: { as: AS_MEMBER },
  positionals: { min: 1, max: 1 },
  examples: ["hansa node delete nd-ABC… --as Farm"],
  async run(call) {
    const session = await Session.open(call);
    const { account, member, path } = await session.member(call, call.options.text("as"));
    const nodeId = typedId(call.options.positionals[0]!, "nd-ABC…");
    const request = { method: "DELETE", path: `${path}/nodes/${nodeId}`, query: { memberId: member.Id } } as const;
    await account.client.call(request);
    return { data: { NodeId: nodeId }, text: `Peer ${nodeId} of ${member.Name} is being deleted.\n` };
  },
};
