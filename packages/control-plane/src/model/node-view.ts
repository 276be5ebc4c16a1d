/** One peer node as the API shows it: its row, and what really runs. */
import type { NodeState, OperatedNode } from "../operator.js";
import type { MemberView } from "./network-view.js";
import type { NodeRow } from "./rows.js";

export type NodeStatus =
  | "CREATING"
  | "AVAILABLE"
  | "UNHEALTHY"
  | "CREATE_FAILED"
  | "UPDATING"
  | "DELETING"
  | "DELETED"
  | "FAILED";

export type NodeView = {
  readonly row: NodeRow;
  readonly status: NodeStatus;
  readonly operated: OperatedNode | undefined;
};

export type NodeFacts = {
  readonly member: MemberView;
  readonly row: NodeRow;
  /** Undefined when the network does not say what runs. */
  readonly running: readonly OperatedNode[] | undefined;
  readonly isUpdating: boolean;
  readonly wall: number;
  readonly createDelayMs: number;
};

export function nodeView({ member, row, running, isUpdating, wall, createDelayMs }: NodeFacts): NodeView {
  const operated = running?.find(({ nodeId }) => nodeId === row.nodeId);
  const says = (status: NodeStatus): NodeView => ({ row, status, operated });
  if (row.state === "deleted" || member.status === "DELETED") return says("DELETED");
  if (row.state === "deleting" || member.status === "DELETING") return says("DELETING");
  if (row.state === "failed") return says("CREATE_FAILED");
  if (row.state === "creating" || wall < row.createdWall + createDelayMs) return says("CREATING");
  if (running === undefined) return says("UNHEALTHY");
  if (operated === undefined) return says("FAILED");
  const status = healthOf(operated.state, operated.lastFailure);
  return says(status === "AVAILABLE" && isUpdating ? "UPDATING" : status);
}

/** A node that is being started again heals by itself; one that was given up does not. */
function healthOf(state: NodeState, lastFailure: string | undefined): NodeStatus {
  if (state === "running") return "AVAILABLE";
  return state === "stopped" && lastFailure !== undefined ? "FAILED" : "UNHEALTHY";
}

/** The row of a peer that was not made through the API but with its network. */
export function adoptedRow(node: OperatedNode, member: MemberView, availabilityZone: string): NodeRow {
  return {
    nodeId: node.nodeId,
    networkId: member.networkId,
    memberId: member.memberId,
    accountId: member.accountId,
    instanceType: "bc.t3.small",
    availabilityZone,
    stateDb: "LevelDB",
    peerLogs: false,
    chaincodeLogs: false,
    createdAt: member.createdAt,
    createdWall: 0,
    state: "ready",
  };
}
