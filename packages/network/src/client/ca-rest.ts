/**
 * A client of fabric-ca's REST API: of an authority of ours, or of any other that speaks it. Keys are made here and
 * stay here.
 * Source: hyperledger/fabric-ca, swagger/swagger-fabric-ca.json and lib/client.go.
 */
import type { KeyObject } from "node:crypto";
import { request } from "node:https";
import { createSigner, generatePrivateKey, type KeyAlgorithm, privateKeyToPem } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { fromUtf8, HansaError, messageOf } from "@hansa/primitives";
import type { KeyPair } from "../identity/material.js";

/** Who asks, with a certificate of the authority. */
export type CaCaller = { readonly certPem: string; readonly key: KeyObject };

export type Enrolment = {
  readonly id: string;
  readonly profile?: "tls";
  readonly hosts?: readonly string[];
  /** Of the identity, to be put into the certificate; the authority's usual ones unless given. */
  readonly attributes?: readonly { readonly name: string; readonly optional: boolean }[];
  readonly keyAlgorithm?: KeyAlgorithm;
};

export type CaAnswer = { readonly [key: string]: unknown };

const TIMEOUT_MS = 15_000;

export class CaRest {
  readonly #address: string;
  readonly #tlsRootPem: string;
  readonly #caName: string;

  /** @param address "host:port" */
  constructor(address: string, tlsRootPem: string, caName = "") {
    this.#address = address;
    this.#tlsRootPem = tlsRootPem;
    this.#caName = caName;
  }

  /** Name, version and certificate chain. @throws HansaError NODE_UNREACHABLE */
  info(): Promise<CaAnswer> {
    return this.#send("GET", "cainfo", undefined, {});
  }

  /** @throws HansaError AUTHORITY_REFUSED for a wrong secret, NODE_UNREACHABLE */
  async enroll(secret: string, enrolment: Enrolment): Promise<KeyPair> {
    const { keyPem, body } = this.#requestOf(enrolment);
    const basic = Buffer.from(`${enrolment.id}:${secret}`).toString("base64");
    return certified(await this.#send("POST", "enroll", body, { Authorization: `Basic ${basic}` }), keyPem);
  }

  /** A further certificate for whoever asks. @throws HansaError AUTHORITY_REFUSED, NODE_UNREACHABLE */
  async reenroll(caller: CaCaller, enrolment: Enrolment): Promise<KeyPair> {
    const { keyPem, body } = this.#requestOf(enrolment);
    return certified(await this.#signed(caller, "POST", "reenroll", body), keyPem);
  }

  /**
   * Any other call, as "identities/alice". Returns the `result` of the answer.
   * @throws HansaError AUTHORITY_REFUSED with the authority's reason, NODE_UNREACHABLE
   */
  call(
    caller: CaCaller,
    method: string,
    path: string,
    body?: object,
    query: Readonly<Record<string, string>> = {},
  ): Promise<CaAnswer> {
    const parameters = new URLSearchParams({ ...query, ...(this.#caName === "" ? {} : { ca: this.#caName }) });
    const target = parameters.size === 0 ? path : `${path}?${parameters}`;
    return this.#signed(caller, method, target, body === undefined ? undefined : this.#named(body));
  }

  #named(body: object): object {
    return this.#caName === "" ? body : { ...body, caname: this.#caName };
  }

  #requestOf({ id, profile, hosts = [], attributes, keyAlgorithm = "P-256" }: Enrolment) {
    const key = generatePrivateKey(keyAlgorithm);
    const csr = createCsr({ key, subject: { commonName: id }, dnsNames: hosts });
    const attr_reqs = attributes?.map(({ name, optional }) => ({ name, optional }));
    const body = { certificate_request: csr, ...(profile && { profile }), ...(attr_reqs && { attr_reqs }) };
    return { keyPem: privateKeyToPem(key), body: this.#named(body) };
  }

  #signed(caller: CaCaller, method: string, path: string, body: object | undefined): Promise<CaAnswer> {
    const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
    const certificate = base64(caller.certPem);
    const content = body === undefined ? "" : JSON.stringify(body);
    const message = `${method}.${base64(`/api/v1/${path}`)}.${base64(content)}.${certificate}`;
    const signature = Buffer.from(createSigner(caller.key).sign(fromUtf8(message))).toString("base64");
    return this.#send(method, path, body, { Authorization: `${certificate}.${signature}` });
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<CaAnswer> {
    const split = this.#address.lastIndexOf(":");
    const [host, port] = [this.#address.slice(0, split), Number(this.#address.slice(split + 1))];
    const content = body === undefined ? undefined : JSON.stringify(body);
    const text = await new Promise<string>((resolve, reject) => {
      const call = request(
        {
          ...{ host, port, method, path: `/api/v1/${path}`, ca: this.#tlsRootPem, agent: false, timeout: TIMEOUT_MS },
          headers: content === undefined ? headers : { ...headers, "Content-Type": "application/json" },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", reject);
          answer.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
        },
      );
      call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      call.on("error", reject);
      call.end(content);
    }).catch((cause: Error) => {
      throw new HansaError("NODE_UNREACHABLE", `The authority at ${this.#address} does not answer: ${cause.message}.`, {
        cause,
        nextStep: "See what the nodes are doing with: hansa status",
      });
    });
    return resultIn(text, this.#address);
  }
}

function resultIn(text: string, address: string): CaAnswer {
  let answer: { success?: boolean; result?: unknown; errors?: readonly { code: number; message: string }[] };
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    const fact = `What answers at ${address} is no certificate authority: ${messageOf(cause)}.`;
    throw new HansaError("AUTHORITY_REFUSED", fact, { cause });
  }
  if (answer.success === true) return (answer.result ?? {}) as CaAnswer;
  const reasons = (answer.errors ?? []).map(({ code, message }) => `${message} (${code})`).join("; ");
  throw new HansaError("AUTHORITY_REFUSED", `The authority at ${address} refuses: ${reasons || "no reason given"}.`);
}

function certified({ Cert }: CaAnswer, keyPem: string): KeyPair {
  return { certPem: Buffer.from(String(Cert ?? ""), "base64").toString("utf8"), keyPem };
}
