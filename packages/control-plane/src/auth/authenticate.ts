/**
 * Who is calling: Signature Version 4 in the Authorization header, checked against the configured accounts. Session
 * tokens take part in the signature like any header and are not looked at otherwise; presigned addresses and unsigned
 * payloads are refused, as the service itself refuses them.
 */
import { timingSafeEqual } from "node:crypto";
import { sha256Hex, type UnixMs } from "@hansa/primitives";
import { ApiError, type ErrorName } from "../errors.js";
import {
  ALGORITHM,
  canonicalRequest,
  headerValues,
  type SignedRequest,
  signatureOf,
  signingKey,
  splitTarget,
  stringToSign,
} from "./canonical.js";

export type Account = {
  /** 12 digits. */
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly name?: string;
};

export type Caller = { readonly accountId: string; readonly accessKeyId: string; readonly name?: string | undefined };

export type Claims = {
  readonly accessKeyId: string;
  readonly scope: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly timestamp: string;
};

const SERVICE = "managedblockchain";
const MAX_SKEW_MS = 15 * 60 * 1000;
const MAX_KEYS = 1000;
/** Where keys are not checked, a key id that is nobody's and no account id belongs to this one. */
export const DEFAULT_ACCOUNT = "000000000001";

const wrong = (name: ErrorName, message: string) => new ApiError(name, message);

export class Authenticator {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #isOpen: boolean;
  readonly #region: string;
  readonly #now: () => UnixMs;
  readonly #keys = new Map<string, Buffer>();

  /** Open: any signature will do. */
  constructor(accounts: readonly Account[], region: string, now: () => UnixMs, isOpen = false) {
    this.#accounts = new Map(accounts.map((account) => [account.accessKeyId, account]));
    this.#isOpen = isOpen;
    this.#region = region;
    this.#now = now;
  }

  /** What the request claims, judged before its body is read. Throws ApiError. */
  claims(target: string, rawHeaders: readonly string[]): Claims {
    const headers = headerValues(rawHeaders);
    const authorization = headers.get("authorization");
    if (authorization === undefined) {
      if (/[?&]X-Amz-Signature=/i.test(target))
        throw wrong("MissingAuthenticationTokenException", "Presigned requests are not accepted: sign the headers.");
      throw wrong("MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    const claims = readAuthorization(authorization, headers);
    if (this.#isOpen) return claims;
    if (!this.#accounts.has(claims.accessKeyId))
      throw wrong("UnrecognizedClientException", "The security token included in the request is invalid.");
    this.#checkScope(claims);
    this.#checkTime(claims);
    return claims;
  }

  /** Throws ApiError InvalidSignatureException. */
  verify(claims: Claims, request: SignedRequest): Caller {
    const { accessKeyId } = claims;
    const account = this.#accounts.get(accessKeyId);
    if (this.#isOpen) {
      const nobodys = /^[0-9]{12}$/.test(accessKeyId) ? accessKeyId : DEFAULT_ACCOUNT;
      return { accountId: account?.accountId ?? nobodys, accessKeyId, name: account?.name };
    }
    if (account === undefined)
      throw wrong("UnrecognizedClientException", "The security token included in the request is invalid.");
    const declared = headerValues(request.rawHeaders).get("x-amz-content-sha256")?.[0];
    if (declared !== undefined && declared !== sha256Hex(request.body))
      throw wrong(
        "InvalidSignatureException",
        declared === "UNSIGNED-PAYLOAD"
          ? "Unsigned payloads are not accepted: x-amz-content-sha256 must be the SHA-256 of the body."
          : "The value of x-amz-content-sha256 is not the SHA-256 of the body.",
      );
    const text = stringToSign(canonical(request, claims.signedHeaders), claims.timestamp, claims.scope);
    const expected = signatureOf(this.#keyOf(account, claims), text);
    const given = Buffer.from(claims.signature, "hex");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw wrong(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
      );
    return { accountId: account.accountId, accessKeyId: account.accessKeyId, name: account.name };
  }

  #checkScope({ scope, date, region, timestamp }: Claims): void {
    const [, , service, end] = scope.split("/");
    if (region !== this.#region)
      throw wrong(
        "InvalidSignatureException",
        `Credential should be scoped to a valid region. This endpoint is in ${this.#region}, not ${region}.`,
      );
    if (service !== SERVICE)
      throw wrong("InvalidSignatureException", `Credential should be scoped to correct service: '${SERVICE}'.`);
    if (end !== "aws4_request")
      throw wrong("InvalidSignatureException", "Credential should be scoped with a valid terminator: 'aws4_request'.");
    if (!timestamp.startsWith(date))
      throw wrong("InvalidSignatureException", `Date in Credential scope does not match the request's: ${date}.`);
  }

  #checkTime({ timestamp }: Claims): void {
    const at = Date.parse(timestamp.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
    if (!Number.isFinite(at)) throw wrong("IncompleteSignatureException", `'${timestamp}' is not a time.`);
    const now = this.#now();
    if (at < now - MAX_SKEW_MS)
      throw wrong(
        "InvalidSignatureException",
        `Signature expired: ${timestamp} is more than 15 minutes before ${basic(now)}.`,
      );
    if (at > now + MAX_SKEW_MS)
      throw wrong(
        "InvalidSignatureException",
        `Signature not yet current: ${timestamp} is more than 15 minutes after ${basic(now)}.`,
      );
  }

  #keyOf(account: Account, { date, region }: Claims): Buffer {
    const name = `${account.accessKeyId}/${date}/${region}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
    const key = signingKey(account.secretAccessKey, date, region, SERVICE);
    this.#keys.set(name, key);
    return key;
  }
}

function readAuthorization(values: readonly string[], headers: ReadonlyMap<string, readonly string[]>): Claims {
  const [value = ""] = values;
  const space = value.indexOf(" ");
  const algorithm = space < 0 ? value : value.slice(0, space);
  if (values.length !== 1 || algorithm !== ALGORITHM)
    throw wrong("IncompleteSignatureException", `Authorization must be one header that begins with ${ALGORITHM}.`);
  const parameters = new Map(
    value
      .slice(space + 1)
      .split(",")
      .map((part) => {
        const [name = "", ...rest] = part.trim().split("=");
        return [name, rest.join("=")] as const;
      }),
  );
  const take = (name: string) => {
    const given = parameters.get(name);
    if (!given) throw wrong("IncompleteSignatureException", `Authorization header requires '${name}' parameter.`);
    return given;
  };
  const [accessKeyId = "", ...scopeParts] = take("Credential").split("/");
  const [date = "", region = ""] = scopeParts;
  if (scopeParts.length !== 4 || accessKeyId === "" || !/^[0-9]{8}$/.test(date))
    throw wrong("IncompleteSignatureException", "Credential must be key id/date/region/service/aws4_request.");
  const signedHeaders = take("SignedHeaders").split(";");
  const signature = take("Signature");
  if (!/^[0-9a-f]{64}$/.test(signature))
    throw wrong("IncompleteSignatureException", "Signature must be 64 lower-case hex digits.");
  checkSignedHeaders(signedHeaders, headers);
  return {
    accessKeyId,
    scope: scopeParts.join("/"),
    date,
    region,
    signedHeaders,
    signature,
    timestamp: timeOf(headers),
  };
}

/** The host and every x-amz- header that is there must be under the signature; the list is sorted and names each once. */
function checkSignedHeaders(signed: readonly string[], headers: ReadonlyMap<string, readonly string[]>): void {
  if (signed.some((name, i) => !/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || (i > 0 && name <= signed[i - 1]!)))
    throw wrong("IncompleteSignatureException", "SignedHeaders must be lower-case names in order, joined by ';'.");
  const needed = ["host", ...[...headers.keys()].filter((name) => name.startsWith("x-amz-"))];
  if (!headers.has("x-amz-date")) needed.push("date");
  const missing = needed.find((name) => !signed.includes(name));
  if (missing !== undefined)
    throw wrong("InvalidSignatureException", `'${missing}' must be one of the SignedHeaders of the Authorization.`);
  const absent = signed.find((name) => !headers.has(name));
  if (absent !== undefined)
    throw wrong("InvalidSignatureException", `The signed header '${absent}' is not in the request.`);
}

/** X-Amz-Date, or Date, as 20260102T030405Z. */
function timeOf(headers: ReadonlyMap<string, readonly string[]>): string {
  const stamp = headers.get("x-amz-date")?.[0] ?? headers.get("date")?.[0];
  if (stamp === undefined)
    throw wrong(
      "IncompleteSignatureException",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  if (/^[0-9]{8}T[0-9]{6}Z$/.test(stamp)) return stamp;
  const at = Date.parse(stamp);
  if (!Number.isFinite(at))
    throw wrong("IncompleteSignatureException", `'${stamp}' is not a time like 20260102T030405Z.`);
  return basic(at);
}

function canonical(request: SignedRequest, signedHeaders: readonly string[]): string {
  try {
    return canonicalRequest(request, signedHeaders);
  } catch {
    const [path] = splitTarget(request.target);
    throw wrong("BadRequestException", `The query of ${path} has a broken percent sign.`);
  }
}

function basic(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}
