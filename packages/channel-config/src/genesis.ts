/**
 * Block 0 of a channel: its first configuration, which no one signs.
 * Source: hyperledger/fabric, common/genesis/genesis.go.
 */
import { NO_BYTES, sha256 } from "@hansa/primitives";
import { blockDataHash, common, encode, HeaderType, METADATA, transactionId } from "@hansa/wire";
import { ChannelConfig } from "./channel-config.js";
import { type ChannelProfile, channelGroupOf } from "./profile.js";

const NONCE_LENGTH = 24;

/**
 * Bytes of a common.Block. The same profile gives the same bytes: the nonce is derived from the configuration.
 * @throws ConfigError when the profile makes a configuration that no channel may have
 */
export function genesisBlock(profile: ChannelProfile): Uint8Array {
  const config: common.IConfig = { channelGroup: channelGroupOf(profile) };
  ChannelConfig.load(profile.channelId, config).checkCapabilities();
  return configBlockOf(profile.channelId, config, profile.createdAtMs);
}

/** A block 0 around a configuration that exists already. */
export function configBlockOf(channelId: string, config: common.IConfig, createdAtMs: number): Uint8Array {
  const data = encode(common.ConfigEnvelope, { config });
  const nonce = sha256(data).subarray(0, NONCE_LENGTH);
  const channelHeader = encode(common.ChannelHeader, {
    type: HeaderType.CONFIG,
    version: 1,
    timestamp: { seconds: Math.floor(createdAtMs / 1000), nanos: Math.floor(createdAtMs % 1000) * 1_000_000 },
    channelId,
    txId: transactionId(nonce, NO_BYTES),
  });
  const signatureHeader = encode(common.SignatureHeader, { nonce });
  const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
  const envelope = encode(common.Envelope, { payload });

  const metadata: Uint8Array[] = Array.from({ length: METADATA.COMMIT_HASH + 1 }, () => NO_BYTES);
  const lastConfig = {};
  metadata[METADATA.SIGNATURES] = encode(common.Metadata, {
    value: encode(common.OrdererBlockMetadata, { lastConfig }),
  });
  metadata[METADATA.LAST_CONFIG] = encode(common.Metadata, { value: encode(common.LastConfig, lastConfig) });
  return encode(common.Block, {
    header: { number: 0, previousHash: NO_BYTES, dataHash: blockDataHash([envelope]) },
    data: { data: [envelope] },
    metadata: { metadata },
  });
}
