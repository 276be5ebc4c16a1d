/** The certificate authority of one organisation as a running server. */
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { generatePrivateKey, type KeyAlgorithm, privateKeyToPem, publicPart } from "@hansa/crypto";
import { issueCertificate } from "@hansa/crypto/issuing";
import { grpcMeter, Metrics, type OperationsConfig, OperationsServer } from "@hansa/operations";
import { type Clock, type Logger, type Random, silentLogger, systemClock, systemRandom } from "@hansa/primitives";
import { RpcServer, type TlsServer } from "@hansa/transport";
import { services } from "@hansa/wire";
import { AffiliationDesk } from "./affiliation-desk.js";
import { CertificateAuthority } from "./authority.js";
import { CertificateDesk } from "./certificate-desk.js";
import { CaError } from "./error.js";
import { GovernanceDesk } from "./governance-desk.js";
import { IdentityDesk } from "./identity-desk.js";
import { MemoryRegistryStore, Registry } from "./registry.js";
import { FileRegistryStore } from "./registry-file.js";
import { RestServer } from "./rest/server.js";
import {
  type Authorities,
  authoritiesFrom,
  createOrganizationRoots,
  loadAuthorities,
  type OrganizationRoots,
  storeOrganizationRoots,
  YEAR_MS,
} from "./roots.js";
import { caHandlers } from "./service.js";

export type CaConfig = {
  /** e.g. "brewery.example.com": names the authorities ca.<domain> and tlsca.<domain>. */
  domain: string;
  /** Where keys and registry live; absent keeps everything in memory. */
  dataDir?: string;
  /** "127.0.0.1:0" takes a free port. */
  listenAddress: string;
  /** fabric-ca's REST API, on a port of its own; absent leaves it out. */
  rest?: {
    /** "127.0.0.1:0" takes a free port. */
    listenAddress: string;
    /** By which clients may call the authority, besides ca.<domain>. */
    otherNames?: readonly string[];
    /** Known from the first start on, besides those of a new fabric-ca. */
    affiliations?: readonly string[];
  };
  /** Health, metrics, log levels and version over HTTP; absent leaves them out. */
  operations?: Omit<OperationsConfig, "tls"> & {
    /** Over TLS as this server speaks it, to clients with a certificate of the organisation's TLS authority. */
    withOwnTls?: boolean;
  };
  /** Names and addresses under which clients reach the server; localhost and 127.0.0.1 always work. */
  hosts?: readonly string[];
  /**
   * Registered with every power when the id is not there yet. `drawn`: the secret is 128 bits of chance or more, and
   * needs no slow hash.
   */
  registrar: { id: string; secret: string; drawn?: boolean };
  /** Roots to take instead of new ones, when `dataDir` has none. */
  roots?: OrganizationRoots;
  /** Protects the keys at rest; absent draws one and keeps it beside the data. */
  passphrase?: string;
  algorithm?: KeyAlgorithm;
  rootValidityMs?: number;
  /** Longest validity of certificates, and the default. One year. */
  identityValidityMs?: number;
  tlsValidityMs?: number;
  /** How long a revocation list says it is good for. One day. */
  revocationListValidityMs?: number;
  logger?: Logger;
  clock?: Clock;
  random?: Random;
};

export type RunningCa = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Of fabric-ca's REST API. */
  readonly restAddress: string | undefined;
  /** Where health, metrics, log levels and version are asked for; undefined when they are not served. */
  readonly operationsUrl: string | undefined;
  readonly caCertificatePem: string;
  /** Also what clients of this server must trust. */
  readonly tlsCaCertificatePem: string;
  stop(options?: { graceMs?: number }): Promise<void>;
};

/** What a fabric-ca server knows that was not told otherwise. Source: hyperledger/fabric-ca, cmd/fabric-ca-server. */
const FABRIC_AFFILIATIONS = ["org1.department1", "org1.department2", "org2.department1"];

/** Beyond this, callers are told to come back: each call may hold a slow hash or an fsync. */
const MAX_CONCURRENT_CALLS = 256;

/**
 * Loads or makes the organisation's roots, opens the registry and listens.
 * @throws CaError CORRUPT_STORE, WRONG_PASSPHRASE; HansaError PORT_IN_USE, LISTEN_FAILED
 */
export async function startCa(config: CaConfig): Promise<RunningCa> {
  const { logger = silentLogger, clock = systemClock, random = systemRandom, domain } = config;
  const authorities = await prepareAuthorities(config, clock.now());
  const store =
    config.dataDir === undefined
      ? new MemoryRegistryStore()
      : await FileRegistryStore.open(path.join(config.dataDir, "registry.jsonl"), logger);
  const registry = await Registry.open(store).catch(async (error) => {
    await store.close();
    throw error;
  });
  const authority = new CertificateAuthority({
    name: `ca.${domain}`,
    authorities,
    registry,
    validities: {
      identityMs: config.identityValidityMs ?? YEAR_MS,
      tlsMs: config.tlsValidityMs ?? YEAR_MS,
      revocationListMs: config.revocationListValidityMs ?? 86_400_000,
    },
    clock,
    random,
  });
  const governance = new GovernanceDesk({
    domain,
    authorities,
    registry,
    clock,
    random,
    dataDir: config.dataDir,
    passphrase: config.passphrase,
    exclusively: (action) => authority.exclusively(action),
  });
  const servers: { stop(options?: { graceMs?: number }): Promise<void> }[] = [];
  const stop = async (options: { graceMs?: number } = {}) => {
    await Promise.all(servers.map((each) => each.stop(options)));
    await authority.close();
  };
  try {
    await authority.ensureRegistrar(config.registrar);
    await authority.ensureAffiliations([...FABRIC_AFFILIATIONS, ...(config.rest?.affiliations ?? [])]);
    const tls = serverTls(authorities, config, clock.now());
    const metrics = new Metrics();
    const server = new RpcServer({
      tls,
      maxMessageBytes: 16 * 1024 * 1024,
      meter: grpcMeter(metrics),
      logger,
    });
    server.addService(services.HansaCa, caHandlers(authority, governance, clock, logger), {
      maxConcurrentCalls: MAX_CONCURRENT_CALLS,
    });
    const { address, port } = await server.listen(config.listenAddress);
    servers.push(server);
    let restAddress: string | undefined;
    if (config.rest !== undefined) {
      const desk = {
        registry,
        clock,
        random,
        registrarId: config.registrar.id,
        exclusively: <T>(action: () => Promise<T>) => authority.exclusively(action),
      };
      const office = {
        authority,
        identities: new IdentityDesk(desk),
        affiliations: new AffiliationDesk(desk),
        certificates: new CertificateDesk({ authority, authorities, registry, clock }),
        otherNames: config.rest.otherNames ?? [],
        logger,
      };
      const rest = new RestServer(office, tls);
      restAddress = (await rest.listen(config.rest.listenAddress)).address;
      servers.push(rest);
    }
    const operations =
      config.operations && operationsServer(config.operations, tls, authority.tlsCertificatePem, metrics, logger);
    const operationsAt = await operations?.listen();
    if (operations !== undefined) servers.push(operations);
    logger.info("certificate authority ready", { name: authority.name, address, restAddress });
    return {
      name: authority.name,
      address,
      port,
      caCertificatePem: authority.certificatePem,
      tlsCaCertificatePem: authority.tlsCertificatePem,
      restAddress,
      operationsUrl: operationsAt?.url,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function operationsServer(
  { withOwnTls, ...config }: NonNullable<CaConfig["operations"]>,
  { certPem, keyPem }: TlsServer,
  clientCaPem: string,
  metrics: Metrics,
  logger: Logger,
): OperationsServer {
  const tls = withOwnTls ? { certPem, keyPem, clientCaPems: [clientCaPem] } : undefined;
  return new OperationsServer({ ...config, tls }, { metrics, checks: {}, logger });
}

async function prepareAuthorities(config: CaConfig, nowMs: number): Promise<Authorities> {
  const { dataDir, domain, algorithm, passphrase } = config;
  const make = () =>
    config.roots ?? createOrganizationRoots({ domain, algorithm, nowMs, validityMs: config.rootValidityMs });
  if (dataDir === undefined) return authoritiesFrom(make());
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const known = await loadAuthorities(dataDir, passphrase);
  if (known !== undefined) return known;
  const registry = path.join(dataDir, "registry.jsonl");
  if (((await stat(registry).catch(() => undefined))?.size ?? 0) > 0) {
    throw new CaError("CORRUPT_STORE", `${dataDir} has a registry but no keys.json`, {
      nextStep: "Restore keys.json from a backup: new keys would make every certificate worthless.",
    });
  }
  const roots = make();
  const authorities = authoritiesFrom(roots);
  await storeOrganizationRoots(dataDir, roots, passphrase);
  return authorities;
}

/** A new key and certificate at every start: nothing to keep, nothing to lose. */
function serverTls(authorities: Authorities, config: CaConfig, nowMs: number): TlsServer {
  const key = generatePrivateKey("P-256");
  const hosts = [...new Set(["localhost", "127.0.0.1", `ca.${config.domain}`, ...(config.hosts ?? [])])];
  const isAddress = (host: string) => /^[0-9.]+$|:/.test(host);
  const certPem = issueCertificate({
    issuer: authorities.tls,
    publicKey: publicPart(key),
    subject: { commonName: `ca.${config.domain}` },
    profile: "tls",
    nowMs,
    validityMs: config.tlsValidityMs ?? YEAR_MS,
    dnsNames: hosts.filter((host) => !isAddress(host)),
    ipAddresses: hosts.filter(isAddress),
  });
  return { certPem, keyPem: privateKeyToPem(key) };
}
