/** Opens block streams to the orderers that a channel configuration lists. */
import { Certificate } from "@hansa/crypto";
import type { SigningIdentity } from "@hansa/msp";
import type { Clock, Random } from "@hansa/primitives";
import type { TlsClient, TlsServer } from "@hansa/transport";
import type { OpenStream } from "./channel.js";
import { OrdererStream } from "./committer/orderer-stream.js";
import type { OrdererOverride } from "./config.js";

export type DialerOptions = {
  readonly signer: SigningIdentity;
  /** The peer's own: its certificate is shown to orderers that ask for one. Undefined means plaintext. */
  readonly tls: TlsServer | undefined;
  readonly overrides: Readonly<Record<string, OrdererOverride>>;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
};

export function createDialer(options: DialerOptions): OpenStream {
  const { signer, tls, clock, random, connectTimeoutMs } = options;
  const tlsClientCert = tls && Certificate.parse(tls.certPem).raw;
  return (source, from, config, events) => {
    const override = options.overrides[source.address];
    const rootPems = override?.rootPems ?? config.ordererTlsRoots(source.mspId);
    const client: TlsClient | undefined = tls && {
      rootPems,
      certPem: tls.certPem,
      keyPem: tls.keyPem,
      ...(override?.serverName === undefined ? {} : { serverName: override.serverName }),
    };
    return new OrdererStream({
      channelId: config.channelId,
      address: override?.address ?? source.address,
      tls: client,
      deliver: override?.deliver?.(),
      tlsClientCert,
      from,
      signer,
      clock,
      random,
      connectTimeoutMs,
      ...events,
    });
  };
}
