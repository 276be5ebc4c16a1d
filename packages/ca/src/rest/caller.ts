/**
 * Who asks: an enrolment id with its secret, or a token that the private key of an enrolled certificate signed.
 *
 * A token is the certificate and a signature, both base64, with a dot between. What is signed is
 * `method.base64(uri).base64(body).certificate`, and by clients up to 1.3 `base64(body).certificate`. It carries
 * neither a time nor a nonce; that nobody can copy it is up to TLS.
 * Source: hyperledger/fabric-ca, util/util.go and lib/serverrequestcontext.go.
 */
import { Certificate, CryptoError, verifySignature } from "@hansa/crypto";
import { fromUtf8 } from "@hansa/primitives";
import type { CertificateAuthority } from "../authority.js";
import { CaError } from "../error.js";
import type { RegisteredIdentity } from "../registry.js";
import { Code, RestError, unauthenticated } from "./answers.js";
import type { RestRequest } from "./request.js";

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** @throws RestError 401 */
export function basicCredentials({ authorization }: RestRequest): { id: string; secret: string } {
  if (authorization === "") throw new RestError(401, Code.noAuthHdr, "No authorization header");
  const [, encoded = ""] = /^basic +(\S+)$/i.exec(authorization) ?? [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw unauthenticated("No user/pass in authorization header");
  return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
}

export type TokenCaller = { identity: RegisteredIdentity; certificate: Certificate };

/** @throws RestError 401 */
export function tokenCaller(request: RestRequest, authority: CertificateAuthority): TokenCaller {
  const { authorization, method, uri, body } = request;
  if (authorization === "") throw new RestError(401, Code.noAuthHdr, "No authorization header");
  const [certificatePart = "", signaturePart = "", ...more] = authorization.split(".");
  if (more.length > 0 || !BASE64.test(certificatePart) || !BASE64.test(signaturePart))
    throw unauthenticated("the token is not a certificate and a signature, base64 with a dot between");
  const certificate = parse(Buffer.from(certificatePart, "base64").toString("utf8"));
  const signature = Buffer.from(signaturePart, "base64");
  const encodedBody = body.toString("base64");
  const isSigned = (text: string) => verifySignature(certificate.publicKey, fromUtf8(text), signature);
  const since14 = `${method}.${Buffer.from(uri).toString("base64")}.${encodedBody}.${certificatePart}`;
  if (!isSigned(since14) && !isSigned(`${encodedBody}.${certificatePart}`))
    throw unauthenticated(`the token of "${certificate.subjectCommonName}" is not signed for this request`);
  try {
    return { identity: authority.callerOf(certificate), certificate };
  } catch (error) {
    throw error instanceof CaError ? unauthenticated(error.message) : error;
  }
}

function parse(pem: string): Certificate {
  try {
    return Certificate.parse(pem);
  } catch (error) {
    throw error instanceof CryptoError ? unauthenticated(error.message) : error;
  }
}
