import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { createSigningIdentity, mspConfigFromFiles, mspFolderFiles, type SigningIdentity } from "@hansa/msp";
import { HansaError, messageOf } from "@hansa/primitives";
import type { msp } from "@hansa/wire";
import type { Layout } from "../plan/layout.js";
import type { Organization, PlannedNode } from "../plan/plan.js";

/** A certificate and its private key, as PEM. */
export type KeyPair = { readonly certPem: string; readonly keyPem: string };

/** A signing identity and a TLS certificate, as every node and user has. */
export type Credentials = { readonly signing: KeyPair; readonly tls: KeyPair };

/** The certificates of an organisation's two authorities, as PEM. */
export type AuthorityCertificates = { readonly caCertPem: string; readonly tlsCaCertPem: string };

export type OrganizationMaterial = AuthorityCertificates & {
  /** By node id. */
  readonly nodes: ReadonlyMap<string, Credentials>;
  /** By user name, the administrator included. */
  readonly users: ReadonlyMap<string, Credentials>;
};

/**
 * Writes an organisation's identities in the folders that cryptogen makes and Fabric's samples expect:
 *
 *     <organisation>/ca/, tlsca/                          the authorities' certificates, without their keys
 *     <organisation>/msp/                                 what others need to know the organisation
 *     <organisation>/peers/<host>/{msp,tls}/              tls: ca.crt, server.crt, server.key
 *     <organisation>/users/<name>@<domain>/{msp,tls}/     tls: ca.crt, client.crt, client.key
 *
 * Private keys get mode 0600; nothing else is secret.
 */
export async function writeOrganization(
  layout: Layout,
  organization: Organization,
  nodes: readonly PlannedNode[],
  material: OrganizationMaterial,
): Promise<void> {
  const { kind, domain } = organization;
  const base = layout.organization(kind, domain);
  const files: Files = new Map();
  files.set(path.join(base, "ca", `ca.${domain}-cert.pem`), material.caCertPem);
  files.set(path.join(base, "tlsca", `tlsca.${domain}-cert.pem`), material.tlsCaCertPem);
  addFolder(files, path.join(base, "msp"), mspFolderFiles(authorityFiles(domain, material)));
  addNodes(files, layout, organization, nodes, material);
  for (const [user, credentials] of material.users) addUser(files, layout, organization, material, user, credentials);
  await writeFiles(files);
}

/** Writes the folders of further nodes, as writeOrganization does. */
export async function writeNodes(
  layout: Layout,
  organization: Organization,
  nodes: readonly PlannedNode[],
  material: AuthorityCertificates & Pick<OrganizationMaterial, "nodes">,
): Promise<void> {
  const files: Files = new Map();
  addNodes(files, layout, organization, nodes, material);
  await writeFiles(files);
}

function addNodes(
  files: Files,
  layout: Layout,
  { kind, domain }: Organization,
  nodes: readonly PlannedNode[],
  material: AuthorityCertificates & Pick<OrganizationMaterial, "nodes">,
): void {
  for (const node of nodes) {
    const root = layout.nodeIdentity(kind, domain, node.host);
    const credentials = material.nodes.get(node.id);
    if (credentials !== undefined) addIdentity(files, root, domain, material, node.host, credentials, "server");
  }
}

/** Writes the folder of one more user, as writeOrganization does. */
export async function writeUser(
  layout: Layout,
  organization: Organization,
  authorities: AuthorityCertificates,
  user: string,
  credentials: Credentials,
): Promise<void> {
  const files: Files = new Map();
  addUser(files, layout, organization, authorities, user, credentials);
  await writeFiles(files);
}

/** Path and text. */
type Files = Map<string, string>;

function authorityFiles(domain: string, { caCertPem, tlsCaCertPem }: AuthorityCertificates) {
  return { domain, caCertPems: [caCertPem], tlsCaCertPems: [tlsCaCertPem] };
}

function addFolder(files: Files, root: string, content: ReadonlyMap<string, string>): void {
  for (const [name, text] of content) files.set(path.join(root, name), text);
}

function addIdentity(
  files: Files,
  root: string,
  domain: string,
  authorities: AuthorityCertificates,
  name: string,
  { signing, tls }: Credentials,
  tlsName: "server" | "client",
): void {
  const signer = { name, ...signing };
  addFolder(files, path.join(root, "msp"), mspFolderFiles({ ...authorityFiles(domain, authorities), signer }));
  files.set(path.join(root, "tls", "ca.crt"), authorities.tlsCaCertPem);
  files.set(path.join(root, "tls", `${tlsName}.crt`), tls.certPem);
  files.set(path.join(root, "tls", `${tlsName}.key`), tls.keyPem);
}

function addUser(
  files: Files,
  layout: Layout,
  { kind, domain }: Organization,
  authorities: AuthorityCertificates,
  user: string,
  credentials: Credentials,
): void {
  const root = layout.userIdentity(kind, domain, user);
  addIdentity(files, root, domain, authorities, `${user}@${domain}`, credentials, "client");
}

async function writeFiles(files: Files): Promise<void> {
  const folders = new Set([...files.keys()].map((file) => path.dirname(file)));
  await Promise.all([...folders].map((name) => mkdir(name, { recursive: true })));
  await Promise.all([...files].map(([file, text]) => writeFile(file, text, { mode: isPrivate(file) ? 0o600 : 0o644 })));
}

function isPrivate(file: string): boolean {
  return file.endsWith(".key") || path.basename(path.dirname(file)) === "keystore";
}

/** What a channel says about the organisation, from its own msp folder. */
export async function readMspConfig(layout: Layout, organization: Organization): Promise<msp.IMSPConfig> {
  const { kind, domain, mspId } = organization;
  const root = path.join(layout.organization(kind, domain), "msp");
  const names = [`cacerts/ca.${domain}-cert.pem`, `tlscacerts/tlsca.${domain}-cert.pem`, "config.yaml"];
  const texts = await Promise.all(names.map((name) => readIdentityFile(path.join(root, name))));
  return mspConfigFromFiles(new Map(names.map((name, index) => [name, texts[index]!])), mspId);
}

/** Where one user's or node's files are. */
export type IdentityFiles = { readonly certFile: string; readonly keyFile: string; readonly mspFolder: string };

export function userFiles(layout: Layout, organization: Organization, user: string): IdentityFiles {
  const { kind, domain } = organization;
  const mspFolder = path.join(layout.userIdentity(kind, domain, user), "msp");
  return {
    mspFolder,
    certFile: path.join(mspFolder, "signcerts", `${user}@${domain}-cert.pem`),
    keyFile: path.join(mspFolder, "keystore", "priv_sk"),
  };
}

/** @throws HansaError MISSING_IDENTITY when a file is absent or no certificate or key */
export async function readIdentity(mspId: string, files: IdentityFiles): Promise<SigningIdentity> {
  const [certPem, keyPem] = await Promise.all([readIdentityFile(files.certFile), readIdentityFile(files.keyFile)]);
  try {
    return createSigningIdentity(mspId, certPem, createPrivateKey(keyPem));
  } catch (cause) {
    throw new HansaError(
      "MISSING_IDENTITY",
      `The identity in ${files.mspFolder} cannot be used: ${messageOf(cause)}.`,
      {
        cause,
        nextStep: "Restore the folder, or start over with: hansa down --wipe",
      },
    );
  }
}

export async function readIdentityFile(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: Error) => {
    throw missingFile(file, cause);
  });
}

/** As readIdentityFile, for callers that cannot wait. @throws HansaError MISSING_IDENTITY */
export function readIdentityFileSync(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw missingFile(file, cause as Error);
  }
}

export function missingFile(file: string, cause: Error): HansaError {
  return new HansaError("MISSING_IDENTITY", `The identity file ${file} cannot be read: ${cause.message}.`, {
    cause,
    nextStep: "Restore the file, or start over with: hansa down --wipe",
  });
}
