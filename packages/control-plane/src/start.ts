/** Starts a control plane: its ports, and the work that was under way when the last one ended. */
import { randomBytes } from "node:crypto";
import { HansaError, systemClock } from "@hansa/primitives";
import { World } from "./api/context.js";
import { Tokens } from "./api/tokens.js";
import { Authenticator } from "./auth/authenticate.js";
import { PRICES_2026_04 } from "./billing/prices.js";
import { UsageSampler } from "./billing/usage-sampler.js";
import type { ControlPlaneConfig, Settings } from "./config.js";
import { EventTeller } from "./events/teller.js";
import { Handler } from "./http/handler.js";
import { type Listening, Port } from "./http/server.js";
import { Jobs } from "./jobs.js";
import { NodeObserver } from "./model/node-observer.js";
import { put, RowStore } from "./model/rows.js";
import { Work } from "./work/work.js";

const GRACE_MS = 2_000;

export type RunningControlPlane = {
  /** In the order of `listen`. */
  readonly listening: readonly Listening[];
  /** Resolves when nothing that was asked for is under way any more. */
  idle(): Promise<void>;
  /** What is under way goes on at the next start. The store stays open. */
  stop(): Promise<void>;
};

/** @throws HansaError ACCOUNTS_MISSING, PORT_IN_USE, LISTEN_FAILED, STORE_FAILED */
export async function startControlPlaneServer(config: ControlPlaneConfig): Promise<RunningControlPlane> {
  const settings = settingsOf(config);
  const { operator, store, logger, region } = settings;
  const isOpen = config.auth === "open";
  if (!isOpen && (config.accounts ?? []).length === 0)
    throw new HansaError("ACCOUNTS_MISSING", "the control plane has no account to serve", {
      nextStep: 'Configure accounts, or set auth to "open".',
    });
  const rows = new RowStore(store);
  const jobs = new Jobs(logger);
  const observer = new NodeObserver(operator, logger);
  const work = new Work(operator, rows, store.secrets, jobs, region, logger);
  const sampler = new UsageSampler(operator, observer, rows, logger);
  const world = new World(settings, rows, jobs, observer, sampler, await pageKeyOf(rows));
  const tokens = new Tokens(rows, (networkId) => world.now(networkId));
  // Clients sign by the real time, whatever the networks' clocks say.
  const authenticator = new Authenticator(config.accounts ?? [], region, () => systemClock.now(), isOpen);
  const handler = new Handler(world, tokens, work, authenticator, logger);
  const teller = new EventTeller(operator, rows, config.events ?? [], region, logger);
  const ports = config.listen.map(
    (listener) => new Port(listener, (request, response) => void handler.handle(request, response)),
  );
  const stop = async () => {
    sampler.stop();
    await Promise.all(ports.map((port) => port.stop(GRACE_MS)));
    await jobs.stop();
    await teller.stop();
  };
  const listening: Listening[] = [];
  try {
    for (const port of ports) listening.push(await port.listen());
  } catch (error) {
    await stop();
    throw error;
  }
  work.resume();
  for (const { url } of listening) logger.info("control plane serves", { url, region });
  return { listening, idle: () => jobs.idle(), stop };
}

function settingsOf(config: ControlPlaneConfig): Settings {
  const { operator, store, logger } = config;
  return {
    operator,
    store,
    logger,
    region: config.region ?? "us-east-1",
    clock: config.clock ?? systemClock,
    quotas: config.quotas ?? "on",
    createDelayMs: config.createDelayMs ?? 0,
    endpoints: config.endpoints ?? "loopback",
    simulatedClock: config.simulatedClock ?? true,
    prices: config.prices ?? PRICES_2026_04,
  };
}

/** Page tokens outlive a restart. */
async function pageKeyOf(rows: RowStore): Promise<string> {
  const known = rows.get("key", "pages");
  if (known !== undefined) return known;
  const key = randomBytes(32).toString("base64url");
  await rows.write(put("key", "pages", key));
  return key;
}
