/** fabric-ca-client of Fabric's older SDK for Node, unmodified, and what its types leave out. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type FabricCAServices from "fabric-ca-client";
import type { ICryptoKey, User } from "fabric-common";

const require = createRequire(import.meta.url);
const Services = require("fabric-ca-client") as typeof FabricCAServices;
const { User: SdkUser } = require("fabric-common") as typeof import("fabric-common");

type Certificates = {
  newCertificateService(): {
    getCertificates(
      request: Readonly<Record<string, string | boolean>> | undefined,
      registrar: User,
    ): Promise<{ result: { certs: { PEM: string }[]; caname: string } }>;
  };
};

export type CaServices = FabricCAServices & Certificates;

/** What the SDK makes of an answer that is a refusal. */
export type Refusal = Error & {
  readonly success: boolean;
  readonly errors: readonly { readonly code: number; readonly message: string }[];
};

/** A client that trusts the given root only. */
export function caServices(address: string, tlsRootPem: string, caName = ""): CaServices {
  return new Services(`https://${address}`, { trustedRoots: [tlsRootPem], verify: true }, caName) as CaServices;
}

export type Enrolled = { readonly user: User; readonly certificatePem: string; readonly keyPem: string };

export async function enrol(
  ca: CaServices,
  mspId: string,
  request: FabricCAServices.IEnrollmentRequest,
): Promise<Enrolled> {
  return enrolled(mspId, request.enrollmentID, await ca.enroll(request));
}

export function enrolled(
  mspId: string,
  id: string,
  { key, certificate }: { key: ICryptoKey; certificate: string },
): Enrolled {
  const keyPem = key.toBytes();
  return { user: SdkUser.createUser(id, "", mspId, certificate, keyPem), certificatePem: certificate, keyPem };
}

/** Puts certificate and key where an application of Fabric's samples reads them. Returns its two variables. */
export function keep(folder: string, { certificatePem, keyPem }: Enrolled): Readonly<Record<string, string>> {
  const [certificates, keys] = [path.join(folder, "signcerts"), path.join(folder, "keystore")];
  for (const each of [certificates, keys]) mkdirSync(each, { recursive: true });
  writeFileSync(path.join(certificates, "cert.pem"), certificatePem);
  writeFileSync(path.join(keys, "key.pem"), keyPem, { mode: 0o600 });
  return { CERT_DIRECTORY_PATH: certificates, KEY_DIRECTORY_PATH: keys };
}
