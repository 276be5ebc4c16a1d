/** A member's certificate authority in the hands of its registrar, or of another of its identities. */
import { createPrivateKey } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";
import { Certificate } from "@hansa/crypto";
import { type CaAnswer, type CaCaller, CaRest, type Enrolment } from "../client/ca-rest.js";
import { readIdentityFileSync } from "../identity/material.js";
import type { Member } from "./member.js";

export class MemberAuthority {
  readonly #member: Member;
  readonly #ca: CaRest;

  /** @throws HansaError MISSING_IDENTITY */
  constructor(member: Member) {
    this.#member = member;
    this.#ca = new CaRest(member.caAddress, readIdentityFileSync(member.tlsRootFile));
  }

  info(): Promise<CaAnswer> {
    return this.#ca.info();
  }

  /** The enrolment id behind a user of this machine; any other text is an id already. */
  idOf(user: string): string {
    const known = this.#member.users.find((each) => each.toLowerCase() === user.toLowerCase());
    return known === undefined ? user : Certificate.parse(this.#certificateOf(known)).subjectCommonName;
  }

  /**
   * @param as a user whose certificate signs the request; the authority's registrar unless given
   * @throws HansaError AUTHORITY_REFUSED with the authority's reason, MISSING_IDENTITY, NODE_UNREACHABLE
   */
  async call(
    as: string | undefined,
    method: string,
    target: string,
    body?: object,
    query: Readonly<Record<string, string>> = {},
  ): Promise<CaAnswer> {
    return this.#ca.call(await this.#caller(as), method, target, body, query);
  }

  /**
   * Enrols an identity that is registered, for signing and for TLS, and keeps it as a user of this machine; an id
   * "alice" or "alice@<domain>" becomes the user alice. Returns the folder of its MSP.
   * @throws HansaError AUTHORITY_REFUSED, NODE_UNREACHABLE
   */
  async enroll(secret: string, enrolment: Enrolment): Promise<{ user: string; mspFolder: string }> {
    const signing = await this.#ca.enroll(secret, enrolment);
    // Its own certificate asks for the other one: the secret may be good for one enrolment only.
    const caller = { certPem: signing.certPem, key: createPrivateKey(signing.keyPem) };
    const tls = await this.#ca.reenroll(caller, { id: enrolment.id, profile: "tls" });
    const user = enrolment.id.replace(`@${this.#member.domain}`, "");
    await this.#member.keep(user, { signing, tls });
    return { user, mspFolder: this.#member.mspFolder(user) };
  }

  async #caller(as: string | undefined): Promise<CaCaller> {
    if (as === undefined) {
      const { id, secretFile } = this.#member.caRegistrar;
      const { certPem, keyPem } = await this.#ca.enroll(readIdentityFileSync(secretFile).trim(), { id });
      return { certPem, key: createPrivateKey(keyPem) };
    }
    const keyFile = path.join(this.#member.mspFolder(as), "keystore", "priv_sk");
    return { certPem: this.#certificateOf(as), key: createPrivateKey(readIdentityFileSync(keyFile)) };
  }

  #certificateOf(user: string): string {
    const folder = path.join(this.#member.mspFolder(user), "signcerts");
    const [file = "cert.pem"] = readdirSync(folder);
    return readIdentityFileSync(path.join(folder, file));
  }
}
