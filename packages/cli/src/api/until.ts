import { setTimeout as sleep } from "node:timers/promises";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";

const POLL_MS = 100;
/** A service that takes half an hour for a network is rehearsed with a delay; nothing here takes longer. */
const PATIENCE_MS = 45 * 60_000;
const ON_THE_WAY = ["CREATING", "UPDATING", "DELETING", "ACCEPTING"];

/**
 * Asks until a resource has come to rest.
 * @throws HansaError CREATE_FAILED, INTERRUPTED, TIMED_OUT
 */
export async function until<T extends { readonly Status: string }>(
  call: Call,
  what: string,
  ask: () => Promise<T>,
): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  let said = "";
  for (;;) {
    const found = await ask();
    if (found.Status === "CREATE_FAILED" || found.Status === "FAILED")
      throw new HansaError("CREATE_FAILED", `Making ${what} failed.`, {
        nextStep: "Read why with: hansa control-plane status",
      });
    if (!ON_THE_WAY.includes(found.Status)) return found;
    if (said !== found.Status) call.progress(`${what} is ${found.Status}`);
    said = found.Status;
    if (performance.now() > end) throw new HansaError("TIMED_OUT", `${what} is still ${found.Status}.`);
    await sleep(POLL_MS, undefined, { signal: call.interrupted }).catch(() => {
      throw new HansaError("INTERRUPTED", `No longer waiting for ${what}; it goes on by itself.`);
    });
  }
}
