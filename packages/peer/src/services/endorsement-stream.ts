/** hansa.peer.Endorsements: endorsing for other peers over one stream. */
import { type BidiHandler, GrpcStatus, RpcStatus, type Send } from "@hansa/transport";
import { decode, encode, hansa, WireError } from "@hansa/wire";

type Endorse = (signedProposal: Uint8Array) => Promise<Uint8Array>;

/** @param maxConcurrent requests under way on one stream; one more is answered with RESOURCE_EXHAUSTED */
export function endorsementStream(endorse: Endorse, maxConcurrent: number): BidiHandler {
  return (incoming, _context, send) =>
    new Promise<void>((resolve, reject) => {
      let underWay = 0;
      const answer = async (id: number, signedProposal: Uint8Array) => {
        underWay += 1;
        await send(await answerOf(id, () => endorse(signedProposal)));
        underWay -= 1;
      };
      incoming.subscribe(
        (bytes) => {
          let request: hansa.peer.EndorsementRequest;
          try {
            request = decode(hansa.peer.EndorsementRequest, bytes, "hansa.peer.EndorsementRequest");
          } catch (error) {
            if (!(error instanceof WireError)) throw error;
            throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message);
          }
          if (underWay >= maxConcurrent) refuse(request.id, maxConcurrent, send);
          else void answer(request.id, request.signedProposal);
        },
        (error) => (error instanceof RpcStatus ? reject(error) : resolve()),
      );
    });
}

async function answerOf(id: number, endorse: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return encode(hansa.peer.EndorsementAnswer, { id, response: await endorse() });
  } catch (error) {
    const { code, message } =
      error instanceof RpcStatus ? error : { code: GrpcStatus.INTERNAL, message: "internal error" };
    return encode(hansa.peer.EndorsementAnswer, { id, error: { code, message } });
  }
}

function refuse(id: number, limit: number, send: Send): void {
  const message = `too many requests for hansa.peer.Endorsements, exceeding concurrency limit (${limit})`;
  void send(encode(hansa.peer.EndorsementAnswer, { id, error: { code: GrpcStatus.RESOURCE_EXHAUSTED, message } }));
}
