/**
 * The MSP folder of Fabric, as names and texts: what every tool of Fabric reads identities from. Nothing here touches
 * a disk; whoever has one writes the files (private keys with mode 0600).
 * Source: hyperledger/fabric, msp/configbuilder.go and internal/cryptogen/msp/generator.go.
 */
import { readPem } from "@hansa/crypto";
import { fromUtf8, type MspId } from "@hansa/primitives";
import { msp } from "@hansa/wire";
import { parseConfigYaml, type YamlValue } from "./config-yaml.js";
import { MspError } from "./error.js";

export type MspFolder = {
  /** Names the CA files: cacerts/ca.<domain>-cert.pem. */
  domain: string;
  caCertPems: readonly string[];
  intermediateCertPems?: readonly string[];
  tlsCaCertPems?: readonly string[];
  tlsIntermediateCertPems?: readonly string[];
  /** Only for members that do not tell administrators by unit. */
  adminCertPems?: readonly string[];
  revocationListPems?: readonly string[];
  /** Tell clients, peers, admins and orderers apart by unit. Default true. */
  nodeUnits?: boolean;
  /** Makes it the folder of one identity. `keyPem` lies in keystore/priv_sk. */
  signer?: { name: string; certPem: string; keyPem?: string };
};

/** Relative path (with "/") and text of each file. Only "keystore/…" is secret. */
export function mspFolderFiles(folder: MspFolder): Map<string, string> {
  const files = new Map<string, string>();
  const put = (directory: string, stem: string, pems: readonly string[] | undefined): void => {
    pems?.forEach((pem, index) => {
      files.set(`${directory}/${stem}${index === 0 ? "" : `-${index + 1}`}.pem`, pem);
    });
  };
  const { domain, signer } = folder;
  put("cacerts", `ca.${domain}-cert`, folder.caCertPems);
  put("intermediatecerts", `ica.${domain}-cert`, folder.intermediateCertPems);
  put("tlscacerts", `tlsca.${domain}-cert`, folder.tlsCaCertPems);
  put("tlsintermediatecerts", `tlsica.${domain}-cert`, folder.tlsIntermediateCertPems);
  put("admincerts", "admin-cert", folder.adminCertPems);
  put("crls", "crl", folder.revocationListPems);
  if (signer !== undefined) {
    files.set(`signcerts/${signer.name}-cert.pem`, signer.certPem);
    if (signer.keyPem !== undefined) files.set("keystore/priv_sk", signer.keyPem);
  }
  // Unit rules are bound to a CA only where one CA certifies everybody; with intermediates each has its own chain.
  const bound = (folder.intermediateCertPems?.length ?? 0) === 0 && folder.caCertPems.length === 1;
  if (folder.nodeUnits !== false)
    files.set("config.yaml", configYaml(bound ? `cacerts/ca.${domain}-cert.pem` : undefined));
  return files;
}

function configYaml(certificate: string | undefined): string {
  const lines = ["NodeOUs:", "  Enable: true"];
  for (const [name, unit] of NODE_UNITS) {
    lines.push(`  ${name}OUIdentifier:`);
    if (certificate !== undefined) lines.push(`    Certificate: ${certificate}`);
    lines.push(`    OrganizationalUnitIdentifier: ${unit}`);
  }
  return `${lines.join("\n")}\n`;
}

const NODE_UNITS = [
  ["Client", "client"],
  ["Peer", "peer"],
  ["Admin", "admin"],
  ["Orderer", "orderer"],
] as const;

/**
 * The configuration message of an MSP folder, as it stands in a channel: no signer, no key.
 * @param files relative path (with "/") to text; others than MSP files are ignored
 * @throws MspError INVALID_CONFIG
 */
export function mspConfigFromFiles(files: ReadonlyMap<string, string>, mspId: MspId): msp.IMSPConfig {
  const rootCerts = pemsIn(files, "cacerts");
  if (rootCerts.length === 0) throw new MspError("INVALID_CONFIG", "no ca certificate found in directory cacerts");
  const tlsRootCerts = pemsIn(files, "tlscacerts");
  const yaml = parseConfigYaml(files.get("config.yaml") ?? "");
  const config: msp.IFabricMSPConfig = {
    name: mspId,
    rootCerts,
    intermediateCerts: pemsIn(files, "intermediatecerts"),
    admins: pemsIn(files, "admincerts"),
    revocationList: pemsIn(files, "crls"),
    organizationalUnitIdentifiers: readUnits(yaml.OrganizationalUnitIdentifiers, files),
    cryptoConfig: { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "SHA256" },
    tlsRootCerts,
    tlsIntermediateCerts: tlsRootCerts.length === 0 ? [] : pemsIn(files, "tlsintermediatecerts"),
    fabricNodeOus: readNodeUnits(yaml.NodeOUs, files),
  };
  return { type: 0, config: msp.FabricMSPConfig.encode(config).finish() };
}

/** Texts of one directory in the order of their names; files without PEM are passed over, as Fabric does. */
function pemsIn(files: ReadonlyMap<string, string>, directory: string): Uint8Array[] {
  return [...files.keys()]
    .filter((path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes("/"))
    .sort()
    .map((path) => files.get(path) ?? "")
    .filter((text) => readPem(text) !== undefined)
    .map(fromUtf8);
}

function readUnits(value: YamlValue | undefined, files: ReadonlyMap<string, string>): msp.IFabricOUIdentifier[] {
  if (value === undefined || value === "") return [];
  if (!Array.isArray(value))
    throw new MspError("INVALID_CONFIG", "config.yaml: OrganizationalUnitIdentifiers is no list");
  return value.map((item) => {
    const path = field(item, "Certificate");
    const certificate = files.get(path);
    if (certificate === undefined) {
      throw new MspError("INVALID_CONFIG", `failed loading OrganizationalUnit certificate at [${path}]`);
    }
    return {
      certificate: fromUtf8(certificate),
      organizationalUnitIdentifier: field(item, "OrganizationalUnitIdentifier"),
    };
  });
}

function readNodeUnits(
  value: YamlValue | undefined,
  files: ReadonlyMap<string, string>,
): msp.IFabricNodeOUs | undefined {
  if (value === undefined || field(value, "Enable").toLowerCase() !== "true") return undefined;
  const units: msp.IFabricNodeOUs = { enable: true };
  const read = (name: string): msp.IFabricOUIdentifier | undefined => {
    const rule = isMap(value) ? value[`${name}OUIdentifier`] : undefined;
    const unit = field(rule, "OrganizationalUnitIdentifier");
    if (unit === "") return undefined;
    const certificate = files.get(field(rule, "Certificate"));
    return {
      organizationalUnitIdentifier: unit,
      ...(certificate === undefined ? {} : { certificate: fromUtf8(certificate) }),
    };
  };
  units.clientOuIdentifier = read("Client");
  units.peerOuIdentifier = read("Peer");
  units.adminOuIdentifier = read("Admin");
  units.ordererOuIdentifier = read("Orderer");
  return units;
}

function isMap(value: YamlValue | undefined): value is { [key: string]: YamlValue } {
  return typeof value === "object" && !Array.isArray(value);
}

function field(value: YamlValue | undefined, name: string): string {
  const found = isMap(value) ? value[name] : undefined;
  return typeof found === "string" ? found : "";
}
