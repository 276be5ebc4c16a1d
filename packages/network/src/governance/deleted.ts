import { readStrandBlock, verifyStrand } from "@hansa/governance";
import { HansaError } from "@hansa/primitives";
import type { Layout } from "../plan/layout.js";
import { readStrandCopy } from "./strand-copy.js";

/**
 * A network ends when its last member leaves: nobody is left who could decide anything in it.
 * @throws HansaError NETWORK_DELETED
 */
export async function refuseDeleted(layout: Layout): Promise<void> {
  const blocks = (await readStrandCopy(layout.governanceStrand)).map(readStrandBlock);
  // A copy that does not hold together says nothing here; the orderer's own record is read when it runs.
  const verified = verifyStrand(blocks, () => true);
  if (!verified.ok || verified.position.state?.status !== "DELETED") return;
  throw new HansaError("NETWORK_DELETED", `The network in ${layout.root} ended when its last member left.`, {
    nextStep: "Give a new network another name, or start over with: hansa down --wipe",
  });
}
