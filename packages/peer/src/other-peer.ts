import type { MspId } from "@hansa/primitives";
import type { PeerConnection } from "./peer-connection.js";

/** Another peer of a channel, as far as it is known. */
export type OtherPeer = {
  readonly mspId: MspId;
  /** "host:port" */
  readonly address: string;
  readonly connection: PeerConnection;
  /** Bytes of msp.SerializedIdentity, once it has said who it is. */
  readonly identity?: Uint8Array;
  /** Count of blocks that it has of the channel, as it last said. */
  readonly ledgerHeight?: number;
};
