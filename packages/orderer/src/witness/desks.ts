/** The desk of each channel, opened when it is first asked for. */
import path from "node:path";
import type { Clock, Logger } from "@hansa/primitives";
import type { OrderedChannel } from "../channel.js";
import { WitnessDesk, type WitnessSettings } from "./desk.js";
import { DigestFolder } from "./digest-folder.js";

export type DesksOptions = {
  /** Undefined keeps signatures in memory. */
  readonly folder: string | undefined;
  readonly settings: WitnessSettings;
  readonly clock: Clock;
  readonly logger: Logger;
};

export class WitnessDesks {
  readonly #options: DesksOptions;
  /** By the channel itself: one that was removed and joined again is another. */
  readonly #desks = new Map<OrderedChannel, WitnessDesk>();

  constructor(options: DesksOptions) {
    this.#options = options;
  }

  async of(channel: OrderedChannel): Promise<WitnessDesk> {
    let desk = this.#desks.get(channel);
    if (desk === undefined) {
      const { folder, settings, clock } = this.#options;
      const logger = this.#options.logger.child({ channel: channel.channelId });
      const files =
        folder === undefined ? undefined : new DigestFolder(path.join(folder, channel.strand.info.strandId), logger);
      desk = new WitnessDesk({ channel, folder: files, settings, clock, logger });
      const replaced = [...this.#desks].find(([other]) => other.channelId === channel.channelId);
      if (replaced !== undefined) this.#desks.delete(replaced[0]);
      this.#desks.set(channel, desk);
      await replaced?.[1].close();
    }
    await desk.ready();
    return desk;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#desks.values()].map((desk) => desk.close()));
    this.#desks.clear();
  }
}
