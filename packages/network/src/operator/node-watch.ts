/**
 * What the nodes of a network are doing, as its supervisor tells without being asked. Known for as long as the
 * supervisor is heard; after that nothing is known, and one has to ask.
 */
import type { OperatedNode } from "@hansa/control-plane";
import type { Bytes } from "@hansa/primitives";
import { decode, hansa, toNumber } from "@hansa/wire";
import { BEAT_MS } from "../governance/told-nodes.js";

/** Two beats may be late on a busy machine before what is known counts as old. */
const FRESH_MS = 3 * BEAT_MS;

export class NodeWatch {
  readonly #clock: () => number;
  #seen: { readonly nodes: readonly OperatedNode[]; readonly revision: number } | undefined;
  #heardAt = 0;

  /** @param clock milliseconds that only grow */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Undefined when the supervisor has not been heard for a while. */
  get nodes(): readonly OperatedNode[] | undefined {
    return this.#clock() - this.#heardAt < FRESH_MS ? this.#seen?.nodes : undefined;
  }

  /** Takes in what a supervisor tells until it ends, however it ends; nothing is known then. */
  async follow(told: AsyncIterable<Bytes>): Promise<void> {
    // Another supervisor may have begun to count anew.
    this.forget();
    try {
      for await (const bytes of told) this.hear(bytes);
    } finally {
      this.forget();
    }
  }

  /** Takes in one hansa.operation.NodesResponse, unless a newer one came first. Returns what it says. */
  hear(bytes: Bytes): readonly OperatedNode[] {
    const response = decode(hansa.operation.NodesResponse, bytes, "hansa.operation.NodesResponse");
    const nodes = response.nodes.map(operatedNode);
    const revision = toNumber(response.revision);
    this.#heardAt = this.#clock();
    if (this.#seen === undefined || revision >= this.#seen.revision) this.#seen = { nodes, revision };
    return nodes;
  }

  forget(): void {
    this.#seen = undefined;
  }
}

function operatedNode(node: hansa.operation.IOperatedNode): OperatedNode {
  const bytes = toNumber(node.storageBytes);
  return {
    nodeId: node.nodeId ?? "",
    kind: (node.kind ?? "peer") as OperatedNode["kind"],
    ...(node.memberId ? { memberId: node.memberId } : {}),
    state: (node.state ?? "stopped") as OperatedNode["state"],
    address: node.address ?? "",
    host: node.host ?? "",
    ...(node.lastFailure ? { lastFailure: node.lastFailure } : {}),
    ...(bytes > 0 ? { storageBytes: bytes } : {}),
  };
}
