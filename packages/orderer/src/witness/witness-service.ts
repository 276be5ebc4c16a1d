/** The part of hansa.journal.Journal that members' peers speak: digests are offered to them, and they sign. */

import { digestAt } from "@hansa/journal";
import type { Identity, SigningIdentity } from "@hansa/msp";
import { HansaError } from "@hansa/primitives";
import {
  type CallContext,
  GrpcStatus,
  type Handlers,
  RpcStatus,
  type ServerStreamHandler,
  type UnaryHandler,
} from "@hansa/transport";
import { decode, encode, hansa, type services, toLong, toNumber } from "@hansa/wire";
import type { OrderedChannel } from "../channel.js";
import { newest, signDigest } from "../journal-answers.js";
import type { JournalAnswer, Source } from "../journal-source.js";
import type { WitnessState } from "./co-signed.js";
import type { WitnessDesk } from "./desk.js";
import type { WitnessDesks } from "./desks.js";

const { journal } = hansa;

type Admit = (raw: Uint8Array, context: CallContext) => { request: Uint8Array; source: Source };

const MAX_TIMES = 4_096;
const MAX_LISTED = 100;
const MAX_WAIT_MS = 30_000;
/** Offers that a follower has not been sent yet. The newest ones matter. */
const MAX_PENDING = 32;

export function witnessHandlers(
  witnesses: WitnessDesks,
  identity: SigningIdentity,
  guarded: (answer: JournalAnswer) => UnaryHandler,
  admit: Admit,
): Handlers<typeof services.Journal> {
  const followDigests: ServerStreamHandler = async (raw, context, send) => {
    const { request, source } = admit(raw, context);
    const channel = channelOf(source);
    decode(journal.FollowDigestsRequest, request, "hansa.journal.FollowDigestsRequest");
    const desk = await witnesses.of(channel);
    for await (const tip of offers(desk, context.signal)) {
      source.recheck();
      const digest = digestAt(await channel.strand.block(tip), channel.strand);
      await send(encode(journal.SignedDigest, signDigest(digest, channel.strand, { identity })));
    }
  };
  return {
    FollowDigests: followDigests,
    GetBlockTimes: guarded(async (bytes, { strand }) => {
      const request = decode(journal.GetBlockTimesRequest, bytes, "hansa.journal.GetBlockTimesRequest");
      const first = toNumber(request.firstSequenceNo);
      const last = Math.min(toNumber(request.lastSequenceNo), first + MAX_TIMES - 1);
      await strand.block(Math.max(first, last));
      const timestampMs: ReturnType<typeof toLong>[] = [];
      for (let n = first; n <= last; n++) timestampMs.push(toLong((await strand.block(n)).timestampMs));
      return encode(journal.BlockTimes, { timestampMs });
    }),
    CoSign: guarded(async (bytes, source) => {
      const channel = channelOf(source);
      const { digest, signature } = decode(journal.CoSignRequest, bytes, "hansa.journal.CoSignRequest");
      const desk = await witnesses.of(channel);
      const tip = toNumber(decode(journal.Digest, digest, "hansa.journal.Digest").tip?.sequenceNo);
      const offered = desk.digest(tip);
      if (offered === undefined) {
        throw new RpcStatus(GrpcStatus.FAILED_PRECONDITION, `the digest of blocks 0 to ${tip} is not offered`);
      }
      if (Buffer.compare(offered, digest) !== 0) {
        throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `the digest of blocks 0 to ${tip} is another one here`);
      }
      const signer = witnessIn(channel, source.creator);
      if (!signer.verify(digest, signature)) {
        throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, "the signature does not fit the digest");
      }
      // Copies: what arrived may be views into a larger message.
      const kept = { identity: Buffer.from(signer.serialized), signature: Buffer.from(signature) };
      const state = await desk.take(tip, { mspId: signer.mspId, ...kept });
      return encode(journal.CoSignResponse, { state: stateMessage(state) });
    }),
    ListDigests: guarded(async (bytes, source) => {
      const channel = channelOf(source);
      const request = decode(journal.ListDigestsRequest, bytes, "hansa.journal.ListDigestsRequest");
      const desk = await witnesses.of(channel);
      const { strand } = channel;
      const tips = desk
        .tips(toNumber(request.fromSequenceNo))
        .slice(0, Math.min(request.limit || MAX_LISTED, MAX_LISTED));
      const signers = { identity, coSignatures: desk.signatures.bind(desk) };
      const digests: hansa.journal.IWitnessedDigest[] = [];
      for (const tip of tips) {
        const digest = signDigest(digestAt(await strand.block(tip), strand), strand, signers);
        digests.push({ digest, state: stateMessage(desk.state(tip)) });
      }
      return encode(journal.DigestList, { digests });
    }),
  };
}

/** Has a digest signed by peers when the caller is willing to wait. */
export async function witnessed(
  witnesses: WitnessDesks,
  { channel }: Source,
  tip: number,
  waitMs: number,
  signal: { readonly aborted: boolean },
): Promise<void> {
  if (channel === undefined || waitMs === 0) return;
  await (await witnesses.of(channel)).witness(tip, Math.min(waitMs, MAX_WAIT_MS), signal);
}

/** Of those who would wait, nobody has to where a witnessed digest covers the block already. */
export async function receiptTip(
  witnesses: WitnessDesks,
  channel: OrderedChannel,
  { sequenceNo, tipSequenceNo, waitMs }: hansa.journal.GetReceiptRequest,
): Promise<number> {
  if (tipSequenceNo !== null && tipSequenceNo !== undefined) return toNumber(tipSequenceNo);
  const known = waitMs === 0 ? undefined : (await witnesses.of(channel)).witnessedTip(toNumber(sequenceNo));
  return known ?? newest(channel.strand);
}

function channelOf({ channel }: Source): OrderedChannel {
  if (channel !== undefined) return channel;
  throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, "the governance strand has no witnesses");
}

/** @throws RpcStatus unless the sender is a peer of a member */
function witnessIn({ config }: OrderedChannel, creator: Uint8Array): Identity {
  let signer: Identity;
  try {
    signer = config.msps.identity(creator);
  } catch (error) {
    if (error instanceof HansaError) throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, error.message);
    throw error;
  }
  const isMember = config.applicationOrgs().some(({ mspId }) => mspId === signer.mspId);
  if (isMember && signer.flaw === undefined && signer.roles.peer) return signer;
  throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, "digests are signed by peers of the channel's members");
}

function stateMessage({ mspIds, members, witnessed }: WitnessState): hansa.journal.IWitnessState {
  return { mspIds: [...mspIds], members, witnessed };
}

async function* offers(desk: WitnessDesk, signal: AbortSignal): AsyncGenerator<number> {
  const pending = new Set<number>();
  let wake = () => {};
  const stop = desk.follow((tip) => {
    pending.delete(tip);
    pending.add(tip);
    if (pending.size > MAX_PENDING) for (const oldest of [...pending].slice(0, -MAX_PENDING)) pending.delete(oldest);
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  try {
    while (!signal.aborted) {
      for (const tip of [...pending]) {
        pending.delete(tip);
        yield tip;
      }
      if (pending.size > 0 || signal.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}
