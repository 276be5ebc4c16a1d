/**
 * Where chaincodes dial in that an external builder runs: over mutual TLS when the peer itself speaks TLS, with an
 * authority of this very run of the peer, so that nobody else gets in. Each launch has a certificate of its own, which
 * stands for the package it was made for.
 * Source: hyperledger/fabric, core/chaincode/accesscontrol and internal/peer/node/start.go (createChaincodeServer).
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem } from "@hansa/crypto";
import type { ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { type Clock, HansaError, type Logger } from "@hansa/primitives";
import { type BidiHandler, GrpcStatus, RpcServer, RpcStatus, type TlsServer } from "@hansa/transport";
import { services } from "@hansa/wire";
import { serveChaincode } from "../support-service.js";

/** What a chaincode is given to reach the peer; texts are PEM, "" without TLS. */
export type DialInPass = { readonly clientCert: string; readonly clientKey: string; readonly rootCert: string };

const VALIDITY_MS = 365 * 24 * 3_600_000;
const NO_PASS: DialInPass = { clientCert: "", clientKey: "", rootCert: "" };

export class DialInGate {
  readonly #issue: ((host: string) => { certPem: string; keyPem: string }) | undefined;
  readonly #rootPem: string;
  /** SHA-256 of a pass's certificate → package id. */
  readonly #passes = new Map<string, string>();
  /** Without TLS a stream shows nothing: what is being run may register. */
  readonly #running = new Set<string>();

  private constructor(rootPem: string, issue: ((host: string) => { certPem: string; keyPem: string }) | undefined) {
    this.#rootPem = rootPem;
    this.#issue = issue;
  }

  static plain(): DialInGate {
    return new DialInGate("", undefined);
  }

  static async withTls(clock: Clock): Promise<DialInGate> {
    // Most peers never need it, and it takes a while to load.
    const { createRootCa, issueCertificate } = await import("@hansa/crypto/issuing");
    const nowMs = clock.now();
    const root = createRootCa({ commonName: "chaincodes", organization: "hansa", validityMs: VALIDITY_MS, nowMs });
    const issuer = { certificate: Certificate.parse(root.certPem), key: privateKeyFromPem(root.keyPem) };
    return new DialInGate(root.certPem, (host) => {
      const key = generatePrivateKey("P-256");
      const certPem = issueCertificate({
        issuer,
        publicKey: key,
        subject: { commonName: host },
        profile: "tls",
        nowMs: clock.now(),
        validityMs: VALIDITY_MS,
        ...(isIP(host) === 0 ? { dnsNames: [host] } : { ipAddresses: [host] }),
      });
      return { certPem, keyPem: privateKeyToPem(key) };
    });
  }

  /** How the listener speaks; undefined means plaintext. @param host by which chaincodes reach it */
  server(host: string): TlsServer | undefined {
    if (this.#issue === undefined) return undefined;
    return { ...this.#issue(host), requireClientCert: true, clientCaPems: [this.#rootPem] };
  }

  /** Lets a package's process in. */
  admit(packageId: string): DialInPass {
    this.#running.add(packageId);
    if (this.#issue === undefined) return NO_PASS;
    this.#forgetPasses(packageId);
    const { certPem, keyPem } = this.#issue("chaincode");
    this.#passes.set(fingerprint(Certificate.parse(certPem).raw), packageId);
    return { clientCert: certPem, clientKey: keyPem, rootCert: this.#rootPem };
  }

  dismiss(packageId: string): void {
    this.#running.delete(packageId);
    this.#forgetPasses(packageId);
  }

  /** The package that a stream with this client certificate (DER) speaks for. */
  packageOf(tlsClientCert: Uint8Array | undefined): string | undefined {
    return tlsClientCert === undefined ? undefined : this.#passes.get(fingerprint(tlsClientCert));
  }

  /** Whether streams without a certificate may register at the moment. */
  get takesAnybody(): boolean {
    return this.#issue === undefined && this.#running.size > 0;
  }

  #forgetPasses(packageId: string): void {
    for (const [key, id] of this.#passes) if (id === packageId) this.#passes.delete(key);
  }
}

/** Where chaincodes of external builders dial in. */
export type DialInConfig = {
  /** "host:port"; port 0 takes a free one. Without TLS it must be a loopback address. */
  readonly listenAddress: string;
  /** "host:port" that chaincodes are told; the address it listens on when absent. */
  readonly address?: string;
};

/** The listener, once it is open. */
export class DialIn {
  readonly gate: DialInGate;
  readonly address: string;
  readonly #server: RpcServer;

  private constructor(gate: DialInGate, address: string, server: RpcServer) {
    this.gate = gate;
    this.address = address;
    this.#server = server;
  }

  /** @throws HansaError PORT_IN_USE, LISTEN_FAILED */
  static async open(
    config: DialInConfig,
    isTls: boolean,
    { registry, clock, logger }: { registry: ChaincodeRegistry; clock: Clock; logger: Logger },
  ): Promise<DialIn> {
    if (!isTls && !/^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$/.test(config.listenAddress))
      throw new HansaError(
        "CHAINCODE_ADDRESS_NOT_LOCAL",
        `chaincodes cannot dial in at ${config.listenAddress} in plaintext: it is no loopback address`,
        { nextStep: "Use 127.0.0.1, or give the peer TLS." },
      );
    const gate = isTls ? await DialInGate.withTls(clock) : DialInGate.plain();
    const told = config.address ?? config.listenAddress;
    const tls = gate.server(told.slice(0, told.lastIndexOf(":")));
    const server = new RpcServer({ ...(tls === undefined ? {} : { tls }), logger });
    server.addService(services.ChaincodeSupport, { Register: registerDialedIn(registry, gate) });
    const { address } = await server.listen(config.listenAddress);
    return new DialIn(gate, config.address ?? address, server);
  }

  stop(): Promise<void> {
    return this.#server.stop({ graceMs: 0 });
  }
}

function registerDialedIn(registry: ChaincodeRegistry, gate: DialInGate): BidiHandler {
  return (incoming, context, send) => {
    const expected = gate.packageOf(context.tlsClientCert);
    if (expected === undefined && !gate.takesAnybody)
      return Promise.reject(
        new RpcStatus(GrpcStatus.PERMISSION_DENIED, "the peer has not started a chaincode with this certificate"),
      );
    return serveChaincode(registry, expected, incoming, send);
  };
}

function fingerprint(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex");
}
