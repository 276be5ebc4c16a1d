/** The client's half of Signature Version 4, for Hansa's own commands. */
import type { UnixMs } from "@hansa/primitives";
import { sha256Hex } from "@hansa/primitives";
import { ALGORITHM, canonicalRequest, signatureOf, signingKey, stringToSign } from "./canonical.js";

const SERVICE = "managedblockchain";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** Headers that sign a request; `target` is path and query as they go on the wire. */
export function signHeaders(
  request: { readonly method: string; readonly host: string; readonly target: string; readonly body: Buffer },
  credentials: Credentials,
  region: string,
  at: UnixMs,
): Record<string, string> {
  const timestamp = new Date(at).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${region}/${SERVICE}/aws4_request`;
  const headers = { host: request.host, "x-amz-content-sha256": sha256Hex(request.body), "x-amz-date": timestamp };
  const names = Object.keys(headers);
  const canonical = canonicalRequest({ ...request, rawHeaders: Object.entries(headers).flat() }, names);
  const key = signingKey(credentials.secretAccessKey, date, region, SERVICE);
  const signature = signatureOf(key, stringToSign(canonical, timestamp, scope)).toString("hex");
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}
