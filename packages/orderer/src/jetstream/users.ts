/** User keys by which NATS servers know their clients. */
import { nkeys } from "@nats-io/transport-node";

/** A new user: `seed` ("SU…") is the client's secret, `publicKey` ("U…") what servers list. */
export function newNatsUser(): { readonly seed: string; readonly publicKey: string } {
  const user = nkeys.createUser();
  return { seed: Buffer.from(user.getSeed()).toString("ascii"), publicKey: user.getPublicKey() };
}

/** The public key of a user's seed. @throws Error when it is none */
export function natsPublicKey(seed: string): string {
  return nkeys.fromSeed(Buffer.from(seed, "ascii")).getPublicKey();
}
