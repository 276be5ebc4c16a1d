import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { HansaError, messageOf } from "@hansa/primitives";
import { readOn } from "../nodes/rotated-log.js";
import type { PlannedNode } from "../plan/plan.js";
import type { LogTarget, NetworkCore } from "./core.js";

/** What logging.json holds. */
type Kept = {
  readonly targets: readonly LogTarget[];
  /** How many bytes of each log have been copied. */
  readonly offsets: Readonly<Record<string, number>>;
};

type Copy = { readonly from: string; readonly to: string };

const EVERY_MS = 500;

/**
 * Copies logs to where the managed service would publish them, `log-groups/aws/managedblockchain/<network id>/<member
 * id>/<stream>`, with its names of streams: "ca", "<node id>", "<member id>-<node id>-<chaincode>-<version>".
 *
 * A copy is an offset in the log, which holds on when the log turns. It is noted after the bytes: a process that is
 * killed between copies a moment's lines twice, and loses none.
 */
export class LogCopies {
  readonly #network: NetworkCore;
  readonly #timer: NodeJS.Timeout;
  #targets: readonly LogTarget[];
  readonly #offsets: Map<string, number>;

  private constructor(network: NetworkCore, { targets, offsets }: Kept) {
    this.#network = network;
    this.#targets = targets;
    this.#offsets = new Map(Object.entries(offsets));
    this.#timer = setInterval(() => this.#copyAll(), EVERY_MS);
    this.#timer.unref();
  }

  static async open(network: NetworkCore): Promise<LogCopies> {
    return new LogCopies(network, read(network.layout.loggingFile));
  }

  /** @throws HansaError UNKNOWN_MEMBER, UNKNOWN_NODE */
  async set(target: LogTarget, on: boolean): Promise<void> {
    const node = this.#nodeOf(target);
    if (node === undefined && on) throw unknown(target, this.#network);
    const isOn = this.#targets.some((each) => sameTarget(each, target));
    if (isOn === on) return;
    // What was written before is not copied, and what was written until now still is.
    if (on) for (const { from } of this.#copies(target)) this.#offsets.set(from, sizeOf(from) ?? 0);
    else {
      this.#copyAll();
      for (const { from } of this.#copies(target)) this.#offsets.delete(from);
    }
    this.#targets = on ? [...this.#targets, target] : this.#targets.filter((each) => !sameTarget(each, target));
    this.#note();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#copyAll();
  }

  #copyAll(): void {
    let changed = false;
    for (const copy of this.#targets.flatMap((target) => this.#copies(target))) {
      try {
        changed = this.#copy(copy) || changed;
      } catch (error) {
        this.#network.logger.warn("log cannot be copied", { ...copy, reason: messageOf(error) });
      }
    }
    if (changed) this.#note();
  }

  /** Returns whether there was anything to copy. */
  #copy({ from, to }: Copy): boolean {
    let hasCopied = false;
    for (;;) {
      const { bytes, offset } = readOn(from, this.#offsets.get(from) ?? 0);
      if (bytes.length === 0) return hasCopied;
      if (!hasCopied) mkdirSync(path.dirname(to), { recursive: true });
      appendFileSync(to, bytes);
      this.#offsets.set(from, offset);
      hasCopied = true;
    }
  }

  #copies(target: LogTarget): Copy[] {
    const { layout, view } = this.#network;
    const node = this.#nodeOf(target);
    if (node === undefined) return [];
    const { networkId = "", members } = view.config;
    const memberId = members.find(({ mspId }) => mspId === node.organization.mspId)?.memberId ?? "";
    const stream = (name: string) =>
      path.join(path.dirname(layout.root), "log-groups/aws/managedblockchain", networkId, memberId, name);
    if (target.kind === "ca") return [{ from: layout.log(node.id), to: stream("ca") }];
    if (target.kind === "peer") return [{ from: layout.log(node.id), to: stream(target.nodeId) }];
    const folder = path.join(layout.node(node.id), "chaincodes", "logs");
    return logsIn(folder).map((name) => ({
      from: path.join(folder, name),
      to: stream(`${memberId}-${target.nodeId}-${this.#contractOf(name)}`),
    }));
  }

  /** "<chaincode>-<version>" of a contract's log, which is named after its package: "<label>.<hash>.log". */
  #contractOf(file: string): string {
    const packageId = file.replace(/\.([0-9a-f]{64})\.log$/, ":$1");
    const contract = this.#network.state().contracts.find((each) => each.packageId === packageId);
    if (contract !== undefined) return `${contract.name}-${contract.version}`;
    // Labels are free to choose; Hansa and the tutorials choose "<chaincode>_<version>".
    return packageId.split(":")[0]!.replace(/_([^_]+)$/, "-$1");
  }

  #nodeOf(target: LogTarget): PlannedNode | undefined {
    const { config, plan } = this.#network.view;
    if (target.kind !== "ca") return plan.nodes.find(({ nodeId }) => nodeId === target.nodeId);
    const member = config.members.find(({ memberId }) => memberId === target.memberId);
    return plan.nodes.find(({ kind, organization }) => kind === "ca" && organization.mspId === member?.mspId);
  }

  #note(): void {
    const kept: Kept = { targets: this.#targets, offsets: Object.fromEntries(this.#offsets) };
    writeFileSync(this.#network.layout.loggingFile, `${JSON.stringify(kept, undefined, 2)}\n`);
  }
}

function read(file: string): Kept {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Kept;
  } catch {
    // A write that was cut short costs the copies, nothing else.
    return { targets: [], offsets: {} };
  }
}

function logsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".log"));
  } catch {
    return [];
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function sameTarget(a: LogTarget, b: LogTarget): boolean {
  return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
}

function unknown(target: LogTarget, { view }: NetworkCore): HansaError {
  return target.kind === "ca"
    ? new HansaError("UNKNOWN_MEMBER", `Network ${view.name} has no member ${target.memberId}.`)
    : new HansaError("UNKNOWN_NODE", `Network ${view.name} has no peer ${target.nodeId}.`);
}
