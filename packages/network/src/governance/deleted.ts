import { readStrandBlock, verifyStrand } from "@hansa/governance";
import { HansaError } from "@hansa/primitives";
import type { Layout } from "../plan/layout.js";
import { readStrandCopy } from "./strand-copy.js";

/** Whether a network has ended: its last member left, and nobody is there who could decide anything in it. */
export async function isDeleted(layout: Layout): Promise<boolean> {
  const blocks = (await readStrandCopy(layout.governanceStrand)).map(readStrandBlock);
  // A copy that does not hold together says nothing here; the orderer's own record is read when it runs.
  const verified = verifyStrand(blocks, () => true);
  return verified.ok && verified.position.state?.status === "DELETED";
}

/** @throws HansaError NETWORK_DELETED for a network that has ended */
export async function refuseDeleted(layout: Layout): Promise<void> {
  if (!(await isDeleted(layout))) return;
  throw new HansaError("NETWORK_DELETED", `The network in ${layout.root} ended when its last member left.`, {
    nextStep: "Give a new network another name, or start over with: hansa down --wipe",
  });
}
