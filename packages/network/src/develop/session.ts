/**
 * One contract of a running network under development: built again at each change, started, and put in the place of
 * its package at every peer of the channel, without a new package or a new sequence.
 *
 * The version that ran before goes on taking calls until the next one has registered everywhere; so a mistake in a
 * contract that does not build or start leaves the last one that did.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { type BuildResult, ContractBuilder } from "./builder.js";
import { type ContractFolder, readContractFolder } from "./contract-folder.js";
import { PRELOAD_SOURCE } from "./contract-preload.js";
import { ContractProcess } from "./contract-process.js";
import type { DevelopmentEvent } from "./events.js";
import { InspectorProxy } from "./inspector-proxy.js";
import { provideModules } from "./modules.js";
import { PeerLink } from "./peer-link.js";

export type SessionOptions = {
  readonly root: string;
  readonly channel: string;
  readonly contract: string;
  /** The peers that run the contract, with the folders of their data. */
  readonly peers: readonly { readonly id: string; readonly dataFolder: string }[];
  /** The debugger's port; undefined for none, 0 for any. */
  readonly inspectPort: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: DevelopmentEvent) => void;
  readonly report: (step: string) => void;
  /** Whether a peer that went away may come back. */
  readonly isNetworkUp: () => boolean;
  /** Ends the session. */
  readonly signal: AbortSignal;
};

type Running = {
  readonly generation: number;
  readonly process: ContractProcess;
  /** Ids of peers at which it has registered. */
  readonly readyAt: Set<string>;
  readonly startedAt: number;
  readonly build: BuildResult;
  inspectorPort: number | undefined;
  timer: NodeJS.Timeout | undefined;
};

/** A contract that loads in longer than this is taken to hang. */
const READY_WITHIN_MS = 20_000;
/** Calls that the version before has begun may end. */
const RETIRE_AFTER_MS = 250;
/** A process that dies sooner after it was ready is not started again without a change. */
const QUICK_DEATH_MS = 2_000;
const FIND_AGAIN_MS = 500;

/** Runs until the signal aborts. @throws HansaError when it cannot begin; NOT_RUNNING when the network stops */
export async function developContract(options: SessionOptions): Promise<void> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), "hansa-dev-"));
  try {
    const modulePath = await provideModules(options.root, scratch, options.report, options.signal);
    const folder = await readContractFolder(options.root);
    const preload = path.join(scratch, "preload.cjs");
    await writeFile(preload, PRELOAD_SOURCE);
    await chmod(scratch, 0o700);
    await new Session(options, folder, preload, modulePath).run();
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

class Session {
  readonly #options: SessionOptions;
  readonly #folder: ContractFolder;
  readonly #preload: string;
  readonly #modulePath: string | undefined;
  readonly #links: readonly PeerLink[];
  #proxy: InspectorProxy | undefined;
  #isDebugging = false;
  #generations = 0;
  /** Takes calls. */
  #serving: Running | undefined;
  /** Has been started and not yet registered everywhere. */
  #coming: Running | undefined;
  #lastBuild: BuildResult | undefined;
  #servingSince = 0;
  /** What the last build found, as it was reported. */
  #saidLast = "";
  #giveUp: (error: Error) => void = () => {};

  constructor(options: SessionOptions, folder: ContractFolder, preload: string, modulePath: string | undefined) {
    this.#options = options;
    this.#folder = folder;
    this.#preload = preload;
    this.#modulePath = modulePath;
    this.#links = options.peers.map(({ id, dataFolder }) => {
      const link: PeerLink = new PeerLink({
        peer: id,
        file: path.join(dataFolder, "chaincodes", "development.json"),
        channel: options.channel,
        contract: options.contract,
        onReady: (generation) => this.#readyAt(id, generation),
        onStuck: () => this.#stuck(),
        onLost: (reason) => void this.#findAgain(link, reason),
      });
      return link;
    });
  }

  async run(): Promise<void> {
    const { signal, contract, channel, inspectPort, onEvent } = this.#options;
    let builder: ContractBuilder | undefined;
    try {
      if (inspectPort !== undefined) {
        this.#proxy = new InspectorProxy((attached) => this.#debugging(attached));
        await this.#proxy.listen(inspectPort);
      }
      const begun = await Promise.all(this.#links.map((link) => link.begin(signal)));
      const { version = "", sequence = 0 } = begun[0] ?? {};
      onEvent({ event: "attached", contract, channel, version, sequence, peers: this.#links.map(({ peer }) => peer) });
      if (this.#proxy !== undefined) onEvent({ event: "debugger", port: this.#proxy.port });
      builder = new ContractBuilder({ folder: this.#folder, onBuilt: (result) => this.#built(result) });
      builder.start();
      await new Promise<void>((resolve, reject) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
        this.#giveUp = reject;
      });
      onEvent({ event: "restored", contract, channel });
    } finally {
      builder?.close();
      clearTimeout(this.#coming?.timer);
      for (const link of this.#links) link.close();
      await Promise.all([this.#coming?.process.stop(), this.#serving?.process.stop(), this.#proxy?.close()]);
    }
  }

  #built(build: BuildResult): void {
    const { problems, output, isNew } = build;
    // Editors touch a file more than once to save it, and compilers look each time.
    const found = JSON.stringify([problems, output]);
    const isSaid = !isNew && found === this.#saidLast;
    this.#saidLast = found;
    if (!isSaid && (problems.length > 0 || output !== ""))
      this.#options.onEvent({ event: "problems", problems, output, isBlocking: !isNew });
    if (isNew) {
      this.#start(build);
      return;
    }
    const [first] = problems;
    const reason = first ? `${first.file}:${first.line}: ${first.message}` : output.split("\n")[0];
    if (this.#serving === undefined && this.#coming === undefined && reason)
      this.#tellFailure(`it does not build: ${reason}`);
  }

  #start(build: BuildResult): void {
    const { signal, env, onEvent } = this.#options;
    if (signal.aborted) return;
    this.#lastBuild = build;
    const overtaken = this.#coming;
    this.#coming = undefined;
    clearTimeout(overtaken?.timer);
    void overtaken?.process.stop();
    const generation = ++this.#generations;
    const begun = this.#links.flatMap(({ begun }) => (begun === undefined ? [] : [begun]));
    const [first] = begun;
    if (first === undefined) return;
    let process: ContractProcess;
    try {
      process = new ContractProcess({
        folder: this.#folder,
        name: first.name,
        mspId: first.mspId,
        peers: begun.map(({ address, authority }) => ({ address, authority: `${authority}.${generation}` })),
        preload: this.#preload,
        modulePath: this.#modulePath,
        inspect: this.#proxy !== undefined,
        env,
        onLine: (line, stream) => onEvent({ event: "log", stream, line }),
        onInspector: (port) => {
          running.inspectorPort = port;
          if (this.#serving === undefined) this.#proxy?.aimAt(port);
        },
        onExit: (reason, lines) => this.#exited(running, reason, lines),
      });
    } catch (error) {
      this.#failed(messageOf(error), []);
      return;
    }
    const running: Running = {
      generation,
      process,
      readyAt: new Set(),
      startedAt: performance.now(),
      build,
      inspectorPort: undefined,
      timer: undefined,
    };
    running.timer = setTimeout(() => this.#late(running), READY_WITHIN_MS);
    this.#coming = running;
  }

  #readyAt(peer: string, generation: number): void {
    const coming = this.#coming;
    if (coming?.generation !== generation) return;
    coming.readyAt.add(peer);
    if (this.#links.some((link) => link.begun !== undefined && !coming.readyAt.has(link.peer))) return;
    clearTimeout(coming.timer);
    this.#coming = undefined;
    const before = this.#serving;
    this.#serving = coming;
    this.#servingSince = performance.now();
    if (coming.inspectorPort !== undefined) this.#proxy?.aimAt(coming.inspectorPort);
    if (before !== undefined) setTimeout(() => void before.process.stop(), RETIRE_AFTER_MS).unref();
    const { changedAt, buildMs } = coming.build;
    const now = performance.now();
    this.#options.onEvent({
      event: "ready",
      generation,
      ms: Math.round(now - changedAt),
      buildMs: Math.round(buildMs),
      startMs: Math.round(now - coming.startedAt),
    });
  }

  #late(running: Running): void {
    if (this.#coming !== running) return;
    this.#coming = undefined;
    void running.process.stop();
    this.#failed(`it did not register within ${READY_WITHIN_MS / 1000} s`, []);
  }

  #exited(running: Running, reason: string, lines: readonly string[]): void {
    clearTimeout(running.timer);
    if (running === this.#coming) {
      this.#coming = undefined;
      this.#failed(`it ${reason}`, lines);
      return;
    }
    if (running !== this.#serving) return;
    this.#serving = undefined;
    // Without a peer there is nothing to keep it up; it comes back with the first one.
    if (this.#links.every(({ begun }) => begun === undefined)) return;
    this.#failed(`it ${reason}`, lines);
    // One that dies again and again waits for a change; calls are told why meanwhile.
    const livedMs = performance.now() - this.#servingSince;
    if (livedMs >= QUICK_DEATH_MS && this.#coming === undefined && this.#lastBuild !== undefined)
      this.#start({ ...this.#lastBuild, changedAt: performance.now(), buildMs: 0, problems: [], output: "" });
  }

  #failed(reason: string, lines: readonly string[]): void {
    const serves = this.#serving !== undefined;
    this.#options.onEvent({ event: "failed", reason, lines, serves });
    if (!serves) this.#tellFailure(reason);
  }

  #tellFailure(reason: string): void {
    for (const link of this.#links) link.failed(reason);
  }

  #stuck(): void {
    const stuck = this.#serving;
    if (stuck === undefined || this.#coming !== undefined) return;
    this.#serving = undefined;
    void stuck.process.stop();
    this.#options.onEvent({
      event: "failed",
      reason: "it let calls run out of time and no longer answers; it is started again",
      lines: [],
      serves: false,
    });
    this.#start({ ...stuck.build, changedAt: performance.now(), buildMs: 0 });
  }

  #debugging(attached: boolean): void {
    this.#isDebugging = attached;
    for (const link of this.#links) link.debugging(attached);
    this.#options.onEvent({ event: "debugger-attached", attached });
  }

  /** A peer that went away is started again by whoever keeps it; the contract is brought to it when it is back. */
  async #findAgain(link: PeerLink, reason: string): Promise<void> {
    const { signal, onEvent } = this.#options;
    if (signal.aborted) return;
    onEvent({ event: "peer-lost", peer: link.peer, reason });
    while (!signal.aborted) {
      await sleep(FIND_AGAIN_MS, undefined, { signal }).catch(() => {});
      if (!this.#options.isNetworkUp()) {
        this.#giveUp(
          new HansaError("NOT_RUNNING", "The network has stopped.", { nextStep: "Start it with: hansa up" }),
        );
        return;
      }
      const isBack = await link.begin(signal).then(
        () => true,
        () => false,
      );
      if (!isBack || signal.aborted) continue;
      onEvent({ event: "peer-back", peer: link.peer });
      if (this.#isDebugging) link.debugging(true);
      if (this.#lastBuild !== undefined)
        this.#start({ ...this.#lastBuild, changedAt: performance.now(), buildMs: 0, problems: [], output: "" });
      return;
    }
    link.close();
  }
}
