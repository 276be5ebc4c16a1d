/**
 * The organisation's governance identity: with it the organisation votes and signs what its votes decide. Its key is
 * made here at the first request, lies in the data folder encrypted like the roots, and never leaves; its certificate
 * stands in the registry like any other and lives as long as the root that signed it, because records name it for good.
 *
 *     <folder>/governance-key.json   the private key, encrypted with the passphrase of keys.json
 */
import type { KeyObject } from "node:crypto";
import path from "node:path";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem, publicPart } from "@hansa/crypto";
import { issueCertificate } from "@hansa/crypto/issuing";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import type { Clock, MspId } from "@hansa/primitives";
import { CaError } from "./error.js";
import { readIfPresent, seal, unseal, writeDurably } from "./key-vault.js";
import { governanceId } from "./registration.js";
import { certificateRecord, type Registry, type RegistryRecord } from "./registry.js";
import { type Authorities, passphraseOf } from "./roots.js";

export type GovernanceKeyParts = {
  readonly domain: string;
  readonly authorities: Authorities;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Absent keeps the key in memory, as everything else then. */
  readonly dataDir?: string | undefined;
  readonly passphrase?: string | undefined;
};

const MSP_ID = "hansa.MspId";
const MSP_ID_SHAPE = /^[\x21-\x7e]{1,128}$/;
const KEY_FILE = "governance-key.json";

export class GovernanceKey {
  readonly #parts: GovernanceKeyParts;
  readonly #id: string;
  #key: KeyObject | undefined;
  #identity: SigningIdentity | undefined;

  constructor(parts: GovernanceKeyParts) {
    this.#parts = parts;
    this.#id = governanceId(parts.domain);
  }

  /**
   * The identity, made when there is none. To be called by one at a time.
   * @throws CaError BAD_REQUEST for another MSP id than the first one, REFUSED when it is revoked, CORRUPT_STORE
   */
  async ensure(mspId: MspId): Promise<SigningIdentity> {
    if (!MSP_ID_SHAPE.test(mspId)) {
      throw new CaError("BAD_REQUEST", "an MSP id is 1 to 128 printable characters without blanks");
    }
    const known = await this.present();
    if (known !== undefined) {
      if (known.mspId === mspId) return known;
      throw new CaError("BAD_REQUEST", `the governance identity is of MSP ${known.mspId}, not of ${mspId}`);
    }
    return this.#make(mspId);
  }

  /** The identity, or undefined before it was first asked for. Throws as `ensure`. */
  async present(): Promise<SigningIdentity | undefined> {
    const { registry } = this.#parts;
    const registered = registry.identity(this.#id);
    const issued = registry.certificatesOf(this.#id).at(-1);
    if (registered === undefined || issued === undefined) return undefined;
    if (registered.revoked || issued.revocation !== undefined) {
      this.#identity = undefined;
      throw new CaError("REFUSED", "the governance identity is revoked", {
        nextStep: "Have the member leave, and join again with a new authority.",
      });
    }
    if (this.#identity !== undefined) return this.#identity;
    const key = await this.#loadKey();
    if (key === undefined) {
      throw new CaError("CORRUPT_STORE", `the governance identity was certified, but ${KEY_FILE} is not there`, {
        nextStep: `Restore ${KEY_FILE} from a backup; nothing was changed.`,
      });
    }
    const mspId = registered.attributes.find(({ name }) => name === MSP_ID)?.value ?? "";
    if (!Certificate.parse(issued.pem).matchesKey(key)) {
      throw new CaError("CORRUPT_STORE", `${KEY_FILE} does not hold the key of the governance identity`, {
        nextStep: `Restore ${KEY_FILE} from a backup; nothing was changed.`,
      });
    }
    this.#identity = createSigningIdentity(mspId, issued.pem, key, null);
    return this.#identity;
  }

  async #make(mspId: MspId): Promise<SigningIdentity> {
    const { registry, authorities, clock } = this.#parts;
    // The key first: a certificate whose key is lost would bind the member to nothing.
    const key = (await this.#loadKey()) ?? (await this.#makeKey());
    const issuer = authorities.identity;
    const nowMs = clock.now();
    const certificate = Certificate.parse(
      issueCertificate({
        issuer,
        publicKey: publicPart(key),
        subject: { commonName: this.#id, organizationalUnits: ["admin"] },
        profile: "identity",
        nowMs,
        validityMs: issuer.certificate.notAfterMs - nowMs,
      }),
    );
    const registration: RegistryRecord = {
      kind: "identity",
      id: this.#id,
      type: "admin",
      affiliation: "",
      attributes: [{ name: MSP_ID, value: mspId, ecert: false }],
      maxEnrollments: -1,
      secret: { kind: "none" },
      atMs: nowMs,
    };
    await registry.append([registration, certificateRecord(this.#id, "identity", certificate, false, nowMs)]);
    this.#identity = createSigningIdentity(mspId, certificate.pem, key, null);
    return this.#identity;
  }

  async #loadKey(): Promise<KeyObject | undefined> {
    const { dataDir, passphrase } = this.#parts;
    if (this.#key !== undefined || dataDir === undefined) return this.#key;
    const file = path.join(dataDir, KEY_FILE);
    const sealed = await readIfPresent(file);
    if (sealed === undefined) return undefined;
    this.#key = privateKeyFromPem(unseal(sealed, await passphraseOf(dataDir, passphrase), file).governance ?? "");
    return this.#key;
  }

  async #makeKey(): Promise<KeyObject> {
    const { dataDir, passphrase } = this.#parts;
    // P-256 whatever the roots are: every channel takes its signatures.
    const key = generatePrivateKey("P-256");
    if (dataDir !== undefined) {
      const sealed = seal({ governance: privateKeyToPem(key) }, await passphraseOf(dataDir, passphrase));
      await writeDurably(path.join(dataDir, KEY_FILE), sealed, 0o600);
    }
    this.#key = key;
    return key;
  }
}
