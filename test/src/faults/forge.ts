/**
 * Messages as clients make them, with any part made wrong on purpose. Nothing here goes through the project's own
 * client code, so that nothing corrects what a test wants broken.
 */
import { createPrivateKey, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import type { Member } from "@hansa/network";
import { common, encode, gateway, HeaderType, orderer, protos, toLong, toTimestamp, transactionId } from "@hansa/wire";

/** A user's identity, from the folders that the network wrote. Its own signatures are not taken as verified already. */
export function identityOf(member: Member, user: string): SigningIdentity {
  const folder = member.mspFolder(user);
  const cert = path.join(folder, "signcerts", readdirSync(path.join(folder, "signcerts"))[0]!);
  const key = path.join(folder, "keystore", "priv_sk");
  return createSigningIdentity(member.mspId, readFileSync(cert, "utf8"), createPrivateKey(readFileSync(key)), null);
}

export type Forgery = {
  readonly identity: SigningIdentity;
  readonly channelId?: string;
  readonly chaincode?: string;
  readonly args?: readonly (string | Uint8Array)[];
  readonly type?: number;
  readonly txId?: string;
  readonly nonce?: Uint8Array;
  readonly creator?: Uint8Array;
  readonly epoch?: number;
  readonly timestampMs?: number | undefined;
  readonly extension?: Uint8Array;
  readonly payload?: Uint8Array;
  readonly data?: Uint8Array;
  /** Gets the right signature. */
  readonly signature?: (right: Uint8Array) => Uint8Array;
};

function headersOf(
  forgery: Forgery,
  type: number,
): { channelHeader: Uint8Array; signatureHeader: Uint8Array; txId: string } {
  const { identity, channelId = "trade", chaincode = "bench" } = forgery;
  const nonce = forgery.nonce ?? randomBytes(24);
  const creator = forgery.creator ?? identity.serialized;
  const txId = forgery.txId ?? transactionId(nonce, creator);
  const timestampMs = "timestampMs" in forgery ? forgery.timestampMs : Date.now();
  const channelHeader = encode(common.ChannelHeader, {
    type: forgery.type ?? type,
    channelId,
    txId,
    epoch: toLong(forgery.epoch ?? 0),
    ...(timestampMs === undefined ? {} : { timestamp: toTimestamp(timestampMs) }),
    extension: forgery.extension ?? encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: chaincode } }),
  });
  return { channelHeader, signatureHeader: encode(common.SignatureHeader, { creator, nonce }), txId };
}

function signed({ identity, signature }: Forgery, message: Uint8Array): Uint8Array {
  const right = identity.sign(message);
  return signature === undefined ? right : signature(right);
}

/** Bytes of a protos.SignedProposal, and its transaction id. */
export function signedProposal(forgery: Forgery): { bytes: Uint8Array; txId: string } {
  const { chaincode = "bench", args = ["read", "none"] } = forgery;
  const { channelHeader, signatureHeader, txId } = headersOf(forgery, HeaderType.ENDORSER_TRANSACTION);
  const payload =
    forgery.payload ??
    encode(protos.ChaincodeProposalPayload, {
      input: encode(protos.ChaincodeInvocationSpec, {
        chaincodeSpec: {
          type: protos.ChaincodeSpec.Type.NODE,
          chaincodeId: { name: chaincode },
          input: { args: args.map((arg) => (typeof arg === "string" ? Buffer.from(arg) : arg)) },
        },
      }),
    });
  const header = encode(common.Header, { channelHeader, signatureHeader });
  const proposalBytes = encode(protos.Proposal, { header, payload });
  const signature = signed(forgery, proposalBytes);
  return { bytes: encode(protos.SignedProposal, { proposalBytes, signature }), txId };
}

/** Bytes of a common.Envelope. */
export function envelope(forgery: Forgery): Uint8Array {
  const { channelHeader, signatureHeader } = headersOf(forgery, HeaderType.ENDORSER_TRANSACTION);
  const data = forgery.data ?? Buffer.from("no transaction");
  const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
  return encode(common.Envelope, { payload, signature: signed(forgery, payload) });
}

/** A request to Deliver for the newest block, unless `data` says otherwise. */
export function seekEnvelope(forgery: Forgery): Uint8Array {
  const newest = { newest: {} };
  const data = forgery.data ?? encode(orderer.SeekInfo, { start: newest, stop: newest });
  return envelope({ type: HeaderType.DELIVER_SEEK_INFO, ...forgery, data });
}

export function commitStatusRequest(forgery: Forgery): Uint8Array {
  const { identity, channelId = "trade", txId = "0".repeat(64), creator = identity.serialized } = forgery;
  const request =
    forgery.data ?? encode(gateway.CommitStatusRequest, { channelId, transactionId: txId, identity: creator });
  return encode(gateway.SignedCommitStatusRequest, { request, signature: signed(forgery, request) });
}

export function chaincodeEventsRequest(forgery: Forgery): Uint8Array {
  const { identity, channelId = "trade", chaincode = "bench", creator = identity.serialized } = forgery;
  const request =
    forgery.data ?? encode(gateway.ChaincodeEventsRequest, { channelId, chaincodeId: chaincode, identity: creator });
  return encode(gateway.SignedChaincodeEventsRequest, { request, signature: signed(forgery, request) });
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other signature that verifies: r, n - s. Fabric takes only the one with the smaller s. */
export function highS(signature: Uint8Array): Uint8Array {
  const rLength = signature[3]!;
  const r = signature.subarray(2, 4 + rLength);
  const s = BigInt(`0x${Buffer.from(signature.subarray(6 + rLength)).toString("hex")}`);
  const hex = (P256_ORDER - s).toString(16).padStart(64, "0");
  const content = Buffer.from(Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? `00${hex}` : hex, "hex");
  const body = Buffer.concat([r, Buffer.from([0x02, content.length]), content]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

export function flipped(bytes: Uint8Array, at = bytes.length - 1): Uint8Array {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 0x01;
  return copy;
}
