/** Opens block streams to the orderers that a channel configuration lists. */
import type { ChannelConfig } from "@hansa/channel-config";
import { Certificate } from "@hansa/crypto";
import type { SigningIdentity } from "@hansa/msp";
import type { Clock, Random } from "@hansa/primitives";
import type { TlsClient, TlsServer } from "@hansa/transport";
import type { OpenStream } from "./channel.js";
import type { OrdererSource } from "./committer/committer.js";
import { OrdererStream } from "./committer/orderer-stream.js";
import type { OrdererOverride } from "./config.js";
import { JournalLink } from "./witness/journal-link.js";

export type DialerOptions = {
  readonly signer: SigningIdentity;
  /** The peer's own: its certificate is shown to orderers that ask for one. Undefined means plaintext. */
  readonly tls: TlsServer | undefined;
  readonly overrides: Readonly<Record<string, OrdererOverride>>;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
};

/** A peer whose orderer hangs turns to another after this long. An idle one is asked that often. */
const WATCH = { silentMs: 5_000, answerMs: 5_000 };

export function createDialer(options: DialerOptions): OpenStream {
  const tlsClientCert = ownTlsCert(options);
  return (source, from, config, events) =>
    new OrdererStream({
      ...targetOf(source, config, options),
      deliver: options.overrides[source.address]?.deliver?.(),
      tlsClientCert,
      watch: config.ordererEndpoints().length > 1 ? WATCH : undefined,
      from,
      ...events,
    });
}

/** Connects to the Journal service of an orderer. */
export function createJournalDialer(
  options: DialerOptions,
): (source: OrdererSource, config: ChannelConfig) => JournalLink {
  const tlsClientCert = ownTlsCert(options);
  return (source, config) => new JournalLink({ ...targetOf(source, config, options), tlsClientCert });
}

/** DER of the certificate that the peer shows to orderers. */
function ownTlsCert({ tls }: DialerOptions): Uint8Array | undefined {
  return tls && Certificate.parse(tls.certPem).raw;
}

function targetOf(source: OrdererSource, config: ChannelConfig, options: DialerOptions) {
  const { signer, tls, clock, random, connectTimeoutMs } = options;
  const override = options.overrides[source.address];
  const client: TlsClient | undefined = tls && {
    rootPems: override?.rootPems ?? config.ordererTlsRoots(source.mspId),
    certPem: tls.certPem,
    keyPem: tls.keyPem,
    ...(override?.serverName === undefined ? {} : { serverName: override.serverName }),
  };
  const { channelId } = config;
  return {
    channelId,
    address: override?.address ?? source.address,
    tls: client,
    signer,
    clock,
    random,
    connectTimeoutMs,
  };
}
