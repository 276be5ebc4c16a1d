import { setTimeout as sleep } from "node:timers/promises";

/** Tries until it gives something other than undefined. @throws Error naming what never came */
export async function until<T>(what: string, attempt: () => Promise<T | undefined>, limitMs = 30_000): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const found = await attempt();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await sleep(50);
  }
}
