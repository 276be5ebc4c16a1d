/**
 * The complete nodes of a strand's two trees, 32 bytes each, in the files `tree` (the dot rule) and `log` (RFC 9162).
 * Both follow from the blocks. Each record notes a checksum of the right edges as they are after it; files that do not
 * fit the last record are made again.
 */
import {
  dot,
  HASH_BYTES,
  type JournalBlock,
  joinLog,
  logLeaf,
  type NodeReader,
  nodeCount,
  type StrandTrees,
} from "@hansa/journal";
import type { Bytes } from "@hansa/primitives";
import { type OpenFile, readFullySync, writeFullySync } from "./files.js";
import { Frontier } from "./journal-frontier.js";
import type { RecordHeader } from "./journal-record.js";

const FLUSH_BLOCKS = 4096;

/** What a record notes of the trees' right edges. */
export type EdgeChecksum = Pick<RecordHeader, "frontierChecksum" | "coversLog">;

/** Both trees' right edges with some blocks more, and the nodes that those complete. */
export class TreeGrowth {
  readonly nodes: Bytes[] = [];
  readonly logNodes: Bytes[] = [];

  constructor(
    readonly frontier: Frontier,
    readonly logFrontier: Frontier,
  ) {}

  append(block: JournalBlock): void {
    // A leaf may be a view into a large buffer, and stays at the edge for long.
    this.nodes.push(...this.frontier.append(Buffer.from(block.blockHash)));
    this.logNodes.push(...this.logFrontier.append(logLeaf(block)));
  }

  /** Of the right edges as they are now. */
  checksum(): number {
    return this.logFrontier.checksum(this.frontier.checksum());
  }
}

export class TreeFiles implements StrandTrees {
  readonly #tree: OpenFile;
  readonly #log: OpenFile;
  readonly node: NodeReader;
  readonly logNode: NodeReader;
  #frontier = Frontier.empty(dot);
  #logFrontier = Frontier.empty(joinLog);

  /** `unreadable` makes the error for a node that is not there. */
  constructor(tree: OpenFile, log: OpenFile, unreadable: (file: "tree" | "log", position: number) => Error) {
    this.#tree = tree;
    this.#log = log;
    const reader =
      (file: OpenFile, name: "tree" | "log"): NodeReader =>
      (position) => {
        const node = Buffer.allocUnsafe(HASH_BYTES);
        if (readFullySync(file, node, position * HASH_BYTES) !== HASH_BYTES) throw unreadable(name, position);
        return node;
      };
    this.node = reader(tree, "tree");
    this.logNode = reader(log, "log");
  }

  grow(): TreeGrowth {
    return new TreeGrowth(this.#frontier.copy(), this.#logFrontier.copy());
  }

  /** Writes what has grown, once its blocks are durable. */
  commit({ frontier, logFrontier, nodes, logNodes }: TreeGrowth): void {
    const position = nodeCount(this.#frontier.size) * HASH_BYTES;
    writeFullySync(this.#tree, Buffer.concat(nodes), position);
    writeFullySync(this.#log, Buffer.concat(logNodes), position);
    this.#frontier = frontier;
    this.#logFrontier = logFrontier;
  }

  /** Takes up the trees of so many blocks from the files. False when nothing shows that they fit. */
  load(size: number, { frontierChecksum, coversLog }: EdgeChecksum): boolean {
    if (!coversLog) return false;
    const bytes = nodeCount(size) * HASH_BYTES;
    if (this.#tree.size() < bytes || this.#log.size() < bytes) return false;
    const frontier = Frontier.read(size, this.node, dot);
    const logFrontier = Frontier.read(size, this.logNode, joinLog);
    if (new TreeGrowth(frontier, logFrontier).checksum() !== frontierChecksum) return false;
    for (const file of [this.#tree, this.#log]) file.truncate(bytes);
    this.#frontier = frontier;
    this.#logFrontier = logFrontier;
    return true;
  }

  /** Makes both files again from all blocks. False when what comes out does not fit the checksum. */
  rebuild(blocks: Iterable<JournalBlock>, { frontierChecksum, coversLog }: EdgeChecksum): boolean {
    for (const file of [this.#tree, this.#log]) file.truncate(0);
    this.#frontier = Frontier.empty(dot);
    this.#logFrontier = Frontier.empty(joinLog);
    let growth = this.grow();
    for (const block of blocks) {
      growth.append(block);
      if (growth.nodes.length < FLUSH_BLOCKS) continue;
      this.commit(growth);
      growth = this.grow();
    }
    this.commit(growth);
    return (coversLog ? growth.checksum() : growth.frontier.checksum()) === frontierChecksum;
  }

  close(): void {
    this.#tree.close();
    this.#log.close();
  }
}
