import type { BuildProblem } from "./builder.js";

/** What happens while a contract is being developed, in the order in which it happens. */
export type DevelopmentEvent =
  | {
      readonly event: "attached";
      readonly contract: string;
      readonly channel: string;
      readonly version: string;
      readonly sequence: number;
      readonly peers: readonly string[];
    }
  | { readonly event: "debugger"; readonly port: number }
  | { readonly event: "debugger-attached"; readonly attached: boolean }
  /** What the build found; the contract is started in spite of it where `isBlocking` is false. */
  | {
      readonly event: "problems";
      readonly problems: readonly BuildProblem[];
      readonly output: string;
      readonly isBlocking: boolean;
    }
  /** The contract serves calls at every peer. Times in ms, `ms` from the first change that was seen. */
  | {
      readonly event: "ready";
      readonly generation: number;
      readonly ms: number;
      readonly buildMs: number;
      readonly startMs: number;
    }
  /** It ended, or did not start; `serves` tells whether the version before it still takes calls. */
  | {
      readonly event: "failed";
      readonly reason: string;
      readonly lines: readonly string[];
      readonly serves: boolean;
    }
  | { readonly event: "log"; readonly stream: "stdout" | "stderr"; readonly line: string }
  | { readonly event: "peer-lost"; readonly peer: string; readonly reason: string }
  | { readonly event: "peer-back"; readonly peer: string }
  | { readonly event: "restored"; readonly contract: string; readonly channel: string };
