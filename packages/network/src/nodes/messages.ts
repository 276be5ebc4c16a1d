import type { LogFile } from "./rotated-log.js";

/** What a node's process and its parent say to each other over the channel between them. All plain JSON. */
export type ToNode =
  /** @param log the file that the parent made the process's output */
  | { readonly type: "start"; readonly config: unknown; readonly log: LogFile }
  | { readonly type: "reconfigure"; readonly id: number; readonly config: unknown }
  | { readonly type: "stop" }
  | { readonly type: "ping" };

export type FromNode =
  /** Its code is loaded; it waits for its configuration. */
  | { readonly type: "loaded" }
  | { readonly type: "ready" }
  | ({ readonly type: "failed" } & Failure)
  | { readonly type: "reconfigured"; readonly id: number; readonly failure?: Failure }
  | { readonly type: "pong" };

export type Failure = { readonly code: string; readonly message: string; readonly nextStep?: string };
