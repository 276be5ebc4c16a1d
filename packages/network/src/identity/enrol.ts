import { createPrivateKey } from "node:crypto";
import path from "node:path";
import { CaClient, CaError, type CaSigner, caSigner, type NewIdentity, REGISTRAR_POWERS } from "@hansa/ca";
import { generatePrivateKey, type KeyAlgorithm, keyAlgorithm, privateKeyToPem } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { RpcClient } from "@hansa/transport";
import type { CaSpec } from "../nodes/specs.js";
import type { Organization, PlannedNode } from "../plan/plan.js";
import {
  type AuthorityCertificates,
  type Credentials,
  type IdentityFiles,
  type OrganizationMaterial,
  readIdentityFile,
} from "./material.js";

/**
 * Has an organisation's authority certify its nodes, its users and its administrator. Keys are made here; the
 * authority sees only requests. One round trip for the registrar, one for everybody else.
 */
export async function enrolOrganization(
  authority: CaSpec,
  organization: Organization,
  servers: readonly PlannedNode[],
): Promise<OrganizationMaterial> {
  return asRegistrar(authority, async (ca, registrar, certificates) => {
    const users = [...organization.users, "Admin"];
    const wanted = [
      ...servers.map(nodeRequest),
      ...users.map((user) => userRequest(organization, user, user === "Admin" ? "admin" : "client")),
    ];
    const credentials = await certify(ca, registrar, wanted);
    const pick = (keys: readonly string[]) => new Map(keys.map((key) => [key, credentials.get(key)!]));
    return { ...certificates, nodes: pick(servers.map((node) => node.id)), users: pick(users) };
  });
}

/** Has a running authority certify further nodes of its organisation. Credentials by node id. @throws CaError */
export async function enrolNodes(
  authority: CaSpec,
  nodes: readonly PlannedNode[],
): Promise<AuthorityCertificates & { readonly nodes: ReadonlyMap<string, Credentials> }> {
  return asRegistrar(authority, async (ca, registrar, certificates) => ({
    ...certificates,
    nodes: await certify(ca, registrar, nodes.map(nodeRequest)),
  }));
}

/** Registers who may administer the organisation from outside; enrols by password as often as it likes. */
export async function registerAdministrator(
  authority: CaSpec,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  await asRegistrar(authority, async (ca, registrar) => {
    try {
      await ca.register(registrar, {
        id: username,
        type: "admin",
        secret: password,
        attributes: REGISTRAR_POWERS,
        maxEnrollments: -1,
      });
    } catch (error) {
      if (!(error instanceof CaError && error.fault === "ALREADY_REGISTERED")) throw error;
    }
  });
}

export type NewUser = {
  readonly name: string;
  /** "client" unless given. */
  readonly type?: "client" | "admin";
  /** What contracts read with `ClientIdentity.getAttributeValue`. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Kind of the signing key; P-256 unless given. Ed25519 counts only on channels with capability V3_0. */
  readonly keyAlgorithm?: KeyAlgorithm;
};

/** Has a running authority register and certify one more user. @throws CaError */
export async function enrolUser(
  authority: CaSpec,
  organization: Organization,
  user: NewUser,
): Promise<AuthorityCertificates & { readonly credentials: Credentials }> {
  return asRegistrar(authority, async (ca, registrar, certificates) => {
    const attributes = Object.entries(user.attributes ?? {}).map(([name, value]) => ({ name, value, ecert: true }));
    const wanted = { ...userRequest(organization, user.name, user.type ?? "client", user.keyAlgorithm), attributes };
    const credentials = await certify(ca, registrar, [wanted]);
    return { ...certificates, credentials: credentials.get(user.name)! };
  });
}

/** Revokes every certificate of a user. Returns the authority's new revocation list, PEM. @throws CaError */
export async function revokeUser(authority: CaSpec, organization: Organization, user: string): Promise<string> {
  return asRegistrar(authority, async (ca, registrar) => {
    await ca.revoke(registrar, { id: `${user}@${organization.domain}` });
    return (await ca.revocationLists(registrar)).crlPem;
  });
}

/**
 * Gives a user new keys and certificates with the same attributes; the user's present certificate asks for them.
 * @throws CaError UNAUTHENTICATED when that certificate has expired or is revoked
 */
export async function reenrolUser(
  authority: CaSpec,
  { domain }: Organization,
  user: string,
  files: IdentityFiles,
): Promise<AuthorityCertificates & { readonly credentials: Credentials }> {
  const [certPem, keyPem] = await Promise.all([readIdentityFile(files.certFile), readIdentityFile(files.keyFile)]);
  const key = createPrivateKey(keyPem);
  return atAuthority(authority, async (ca, authorities) => {
    const { asks, signingKeyPem, tlsKeyPem } = requests(`${user}@${domain}`, [], keyAlgorithm(key));
    const [signing, tls] = await Promise.all(asks.map((ask) => ca.reenroll(caSigner(certPem, key), ask)));
    const credentials = {
      signing: { certPem: signing!, keyPem: signingKeyPem },
      tls: { certPem: tls!, keyPem: tlsKeyPem },
    };
    return { ...authorities, credentials };
  });
}

/** Speaks to an authority as the one identity that it knows from the start. */
async function asRegistrar<T>(
  authority: CaSpec,
  work: (ca: CaClient, registrar: CaSigner, authorities: AuthorityCertificates) => Promise<T>,
): Promise<T> {
  const secret = await readIdentityFile(authority.registrarSecretFile);
  return atAuthority(authority, async (ca, authorities) => {
    const key = generatePrivateKey("P-256");
    const certPem = await ca.enroll({
      id: authority.registrar,
      secret: secret.trim(),
      csrPem: createCsr({ key, subject: { commonName: authority.registrar } }),
    });
    return work(ca, caSigner(certPem, key), authorities);
  });
}

async function atAuthority<T>(
  authority: CaSpec,
  work: (ca: CaClient, authorities: AuthorityCertificates) => Promise<T>,
): Promise<T> {
  const [caCertPem, tlsCaCertPem] = await Promise.all([
    readIdentityFile(path.join(authority.dataFolder, "ca-cert.pem")),
    readIdentityFile(path.join(authority.dataFolder, "tlsca-cert.pem")),
  ]);
  const rpc = new RpcClient(authority.address, { rootPems: [tlsCaCertPem], serverName: authority.host });
  try {
    return await work(new CaClient(rpc, { caName: `ca.${authority.domain}` }), { caCertPem, tlsCaCertPem });
  } finally {
    rpc.close();
  }
}

type Wanted = NewIdentity & ReturnType<typeof requests> & { readonly key: string };

/** Credentials by each item's `key`. */
async function certify(
  ca: CaClient,
  registrar: CaSigner,
  wanted: readonly Wanted[],
): Promise<Map<string, Credentials>> {
  const certificates = await ca.enrollMany(
    registrar,
    wanted.map(({ id, type, attributes, asks }) => ({ id, type, attributes, asks })),
  );
  return new Map(
    wanted.map(({ key, signingKeyPem, tlsKeyPem }, index) => {
      const [signing, tls] = certificates[index]!;
      return [
        key,
        { signing: { certPem: signing!, keyPem: signingKeyPem }, tls: { certPem: tls!, keyPem: tlsKeyPem } },
      ];
    }),
  );
}

function nodeRequest(node: PlannedNode): Wanted {
  const hosts = [node.host, node.host.split(".")[0]!, "localhost", ...(node.extraHosts ?? [])];
  // A NATS server signs nothing: all it needs is its TLS certificate.
  const type = node.kind === "peer" || node.kind === "orderer" ? node.kind : "client";
  return { key: node.id, id: node.host, type, ...requests(node.host, hosts) };
}

function userRequest({ domain }: Organization, user: string, type: "client" | "admin", algorithm?: KeyAlgorithm) {
  const id = `${user}@${domain}`;
  return { key: user, id, type, ...requests(id, [], algorithm) };
}

/** A key and a request for signing, and another pair for TLS. */
function requests(commonName: string, hosts: readonly string[], algorithm: KeyAlgorithm = "P-256") {
  const signingKey = generatePrivateKey(algorithm);
  const tlsKey = generatePrivateKey("P-256");
  const subject = { commonName };
  const asks = [
    { csrPem: createCsr({ key: signingKey, subject }) },
    {
      csrPem: createCsr({
        key: tlsKey,
        subject,
        dnsNames: hosts,
        ipAddresses: hosts.length === 0 ? [] : ["127.0.0.1"],
      }),
      profile: "tls" as const,
    },
  ];
  return { asks, signingKeyPem: privateKeyToPem(signingKey), tlsKeyPem: privateKeyToPem(tlsKey) };
}
