/** The gateway.Gateway service as handlers over raw message bytes, to be mounted on the peer's server. */
import type { Handlers } from "@hansa/transport";
import type { services } from "@hansa/wire";
import type { TlsIdentity } from "./broadcast.js";
import { chaincodeEvents } from "./chaincode-events.js";
import { commitStatus } from "./commit-status.js";
import { Companions } from "./companions.js";
import { endorse } from "./endorse.js";
import { evaluate } from "./evaluate.js";
import type { GatewayHost } from "./host.js";
import { Planner } from "./planning.js";
import { Submitter } from "./submit.js";

export type GatewayOptions = {
  /** The longest to wait for one peer; default 30 s, as in Fabric's sample configuration. */
  endorsementTimeoutMs?: number;
  /** Whether somebody steps through a contract, so that calls may take as long as they like. Asked for each call. */
  isDebugging?: () => boolean;
  /** The longest to wait for one orderer; default 30 s. */
  broadcastTimeoutMs?: number;
  /** Certificate and key, PEM, to show to orderers that ask for them. */
  tlsIdentity?: TlsIdentity;
  /** From 0 up to but not including 1: the order of equally good layouts and orderers. */
  random?: () => number;
};

export type GatewayHandlers = Required<Handlers<typeof services.Gateway>>;

export type Gateway = {
  readonly handlers: GatewayHandlers;
  /** Ends the connections to orderers. */
  close(): void;
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** A day: nobody looks at a breakpoint for longer. */
const WHILE_DEBUGGING_MS = 24 * 3_600_000;

/** One gateway serves all channels of its peer. */
export function createGateway(host: GatewayHost, options: GatewayOptions = {}): Gateway {
  const random = options.random ?? Math.random;
  const endorsementTimeoutMs = options.endorsementTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const broadcastTimeoutMs = options.broadcastTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const submitter = new Submitter(host, { broadcastTimeoutMs, random, tlsIdentity: options.tlsIdentity });
  const parts = {
    host,
    planner: new Planner(host, random),
    companions: new Companions(),
    get endorsementTimeoutMs() {
      return options.isDebugging?.() === true ? WHILE_DEBUGGING_MS : endorsementTimeoutMs;
    },
  };
  return {
    handlers: {
      Endorse: (request, context) => endorse(parts, request, context),
      Evaluate: (request, context) => evaluate(parts, request, context),
      Submit: (request, context) => submitter.submit(request, context),
      CommitStatus: (request, context) => commitStatus(host, request, context),
      ChaincodeEvents: (request, context, send) => chaincodeEvents(host, request, context, send),
    },
    close: () => submitter.close(),
  };
}
