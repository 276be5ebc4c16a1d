import { machineCores, type SpareCores } from "@hansa/operations";
import { BUSY_PACE, DEFAULT_PACE, type PaceSettings } from "@hansa/ordering";

/** How long messages gather, as the machine is now: longer where it has no core to spare, peers being on it, too. */
export function machinePace(cores: Pick<SpareCores, "areThere"> = machineCores): () => PaceSettings {
  return () => (cores.areThere() ? DEFAULT_PACE : BUSY_PACE);
}
