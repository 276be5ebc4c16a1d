/**
 * The members' authorities as governance asks them: each keeps its member's governance key and judges itself what it
 * signs. One connection and one registrar's certificate for each, kept while the network runs.
 */
import path from "node:path";
import { CaClient, CaError, type CaSigner, caSigner } from "@hansa/ca";
import { generatePrivateKey } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { HansaError, type MspId } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { readIdentityFile } from "../identity/material.js";
import type { CaSpec } from "../nodes/specs.js";

type Session = { readonly ca: CaClient; readonly registrar: CaSigner; readonly close: () => void };

export class Authorities {
  readonly #specOf: (mspId: MspId) => CaSpec | undefined;
  readonly #sessions = new Map<MspId, Promise<Session>>();

  /** @param specOf where a member's authority is; undefined for one that this network does not run */
  constructor(specOf: (mspId: MspId) => CaSpec | undefined) {
    this.#specOf = specOf;
  }

  /**
   * Asks a member's authority something as its registrar.
   * @throws CaError with the authority's reason; HansaError MEMBER_UNKNOWN
   */
  async ask<T>(mspId: MspId, question: (ca: CaClient, registrar: CaSigner) => Promise<T>): Promise<T> {
    const session = await this.#session(mspId);
    try {
      return await question(session.ca, session.registrar);
    } catch (error) {
      // Its data may have been made anew, so that it knows the registrar's certificate no more.
      if (!(error instanceof CaError) || error.fault !== "UNAUTHENTICATED") throw error;
      this.forget(mspId);
      const again = await this.#session(mspId);
      return question(again.ca, again.registrar);
    }
  }

  /** Ends the connection to an authority that is gone. */
  forget(mspId: MspId): void {
    const session = this.#sessions.get(mspId);
    this.#sessions.delete(mspId);
    void session?.then(({ close }) => close()).catch(() => {});
  }

  close(): void {
    for (const mspId of [...this.#sessions.keys()]) this.forget(mspId);
  }

  #session(mspId: MspId): Promise<Session> {
    const known = this.#sessions.get(mspId);
    if (known !== undefined) return known;
    const spec = this.#specOf(mspId);
    if (spec === undefined)
      return Promise.reject(new HansaError("MEMBER_UNKNOWN", `This network runs no authority of ${mspId}.`));
    const session = openSession(spec);
    this.#sessions.set(mspId, session);
    session.catch(() => {
      if (this.#sessions.get(mspId) === session) this.#sessions.delete(mspId);
    });
    return session;
  }
}

async function openSession(spec: CaSpec): Promise<Session> {
  const [secret, tlsCaCertPem] = await Promise.all([
    readIdentityFile(spec.registrarSecretFile),
    readIdentityFile(path.join(spec.dataFolder, "tlsca-cert.pem")),
  ]);
  const rpc = new RpcClient(spec.address, { rootPems: [tlsCaCertPem], serverName: spec.host });
  try {
    const ca = new CaClient(rpc, { caName: `ca.${spec.domain}` });
    const key = generatePrivateKey("P-256");
    const csrPem = createCsr({ key, subject: { commonName: spec.registrar } });
    const certPem = await ca.enroll({ id: spec.registrar, secret: secret.trim(), csrPem });
    return { ca, registrar: caSigner(certPem, key), close: () => rpc.close() };
  } catch (error) {
    rpc.close();
    throw error;
  }
}
