/** Test-only certificates and keys that belong to the recorded blocks. */
import { toUtf8 } from "@hansa/primitives";
import { vector } from "./vectors.js";

export function recordedIdentity(mspId: string, name: string): { mspId: string; certPem: string; keyPem: string } {
  const read = (kind: string) => toUtf8(vector(`identities/${mspId}/${name}.TEST-ONLY.${kind}.pem`));
  return { mspId, certPem: read("cert"), keyPem: read("key") };
}
