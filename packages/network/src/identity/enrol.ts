import path from "node:path";
import { CaClient, caSigner } from "@hansa/ca";
import { generatePrivateKey, privateKeyToPem } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { RpcClient } from "@hansa/transport";
import type { CaSpec } from "../nodes/specs.js";
import type { Organization, PlannedNode } from "../plan/plan.js";
import { type Credentials, type OrganizationMaterial, readIdentityFile } from "./material.js";

/**
 * Has an organisation's authority certify its nodes, its users and its administrator. Keys are made here; the
 * authority sees only requests. One round trip for the registrar, one for everybody else.
 */
export async function enrolOrganization(
  authority: CaSpec,
  organization: Organization,
  servers: readonly PlannedNode[],
): Promise<OrganizationMaterial> {
  const [caCertPem, tlsCaCertPem, secret] = await Promise.all([
    readIdentityFile(path.join(authority.dataFolder, "ca-cert.pem")),
    readIdentityFile(path.join(authority.dataFolder, "tlsca-cert.pem")),
    readIdentityFile(authority.registrarSecretFile),
  ]);
  const rpc = new RpcClient(authority.address, { rootPems: [tlsCaCertPem], serverName: authority.host });
  try {
    const ca = new CaClient(rpc, { caName: `ca.${organization.domain}` });
    const registrarKey = generatePrivateKey("P-256");
    const registrarCert = await ca.enroll({
      id: authority.registrar,
      secret: secret.trim(),
      csrPem: createCsr({ key: registrarKey, subject: { commonName: authority.registrar } }),
    });
    const users = [...organization.users, "Admin"];
    const wanted = [
      ...servers.map((node) => ({
        key: node.id,
        id: node.host,
        type: node.kind as "peer" | "orderer",
        hosts: [node.host, node.host.split(".")[0]!, "localhost"],
      })),
      ...users.map((user) => ({
        key: user,
        id: `${user}@${organization.domain}`,
        type: user === "Admin" ? ("admin" as const) : ("client" as const),
        hosts: [],
      })),
    ].map((identity) => ({ ...identity, ...requests(identity.id, identity.hosts) }));
    const certificates = await ca.enrollMany(
      caSigner(registrarCert, registrarKey),
      wanted.map(({ id, type, asks }) => ({ id, type, asks })),
    );
    const credentials = new Map<string, Credentials>(
      wanted.map(({ key, signingKeyPem, tlsKeyPem }, index) => {
        const [signing, tls] = certificates[index]!;
        return [
          key,
          { signing: { certPem: signing!, keyPem: signingKeyPem }, tls: { certPem: tls!, keyPem: tlsKeyPem } },
        ];
      }),
    );
    const pick = (keys: readonly string[]) => new Map(keys.map((key) => [key, credentials.get(key)!]));
    return { caCertPem, tlsCaCertPem, nodes: pick(servers.map((node) => node.id)), users: pick(users) };
  } finally {
    rpc.close();
  }
}

/** A key and a request for signing, and another pair for TLS. */
function requests(commonName: string, hosts: readonly string[]) {
  const signingKey = generatePrivateKey("P-256");
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
