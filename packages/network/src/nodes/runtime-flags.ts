import { availableParallelism } from "node:os";
import type { RoleKind } from "../plan/plan.js";

/**
 * V8 collects garbage with helper threads beside the one that runs the program. Where a dozen processes share few
 * cores, these only wait for each other: without them a transaction costs a tenth less.
 */
const NO_HELPERS = availableParallelism() <= 4 ? ["--single-threaded-gc"] : [];

/**
 * Under load most of what a peer or an orderer makes is bytes outside V8's heap: messages, blocks. They count as growth of
 * a heap that itself stays at 30 MB, so that V8 marks all of it once or twice a second for nothing. Room to grow to four
 * times what is in use (instead of less than two) makes that three to six times as rare, and a larger young
 * generation lets transactions under way end in it. Both together save a third of all garbage collection; a loaded
 * peer takes some 40 MB more for it, one at rest nothing.
 */
const ROOM_TO_GROW = ["--initial-old-space-size=96", "--heap-growing-percent=300", "--max-semi-space-size=32"];

/** Arguments for Node itself of a process that holds a whole network. */
export const INLINE_FLAGS: readonly string[] = [...NO_HELPERS, ...ROOM_TO_GROW];

/** Arguments for Node itself of a node's process. */
export const runtimeFlags = (kind: RoleKind): readonly string[] => (kind === "ca" ? NO_HELPERS : INLINE_FLAGS);
