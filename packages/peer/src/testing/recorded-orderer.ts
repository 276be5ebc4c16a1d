/** Serves the recorded blocks as an orderer would: AtomicBroadcast.Deliver over a real connection. */
import { concatBytes, silentLogger } from "@hansa/primitives";
import { RpcServer } from "@hansa/transport";
import { fieldHead, orderer, readEnvelope, services, toNumber } from "@hansa/wire";
import { vector } from "./vectors.js";

export type RecordedOrderer = {
  readonly address: string;
  /** Numbers at which streams began. */
  readonly seeks: number[];
  /** Streams wait before this block. */
  until: number;
  stop(): Promise<void>;
};

export async function startRecordedOrderer(until: number): Promise<RecordedOrderer> {
  const server = new RpcServer({ logger: silentLogger });
  const seeks: number[] = [];
  const recorded = { seeks, until, address: "", stop: () => server.stop({ graceMs: 0 }) };
  server.addService(services.AtomicBroadcast, {
    Deliver: async (incoming, context, send) => {
      for await (const bytes of incoming) {
        const { start } = orderer.SeekInfo.decode(readEnvelope(bytes).data);
        const first = toNumber(start?.specified?.number);
        seeks.push(first);
        for (let number = first; !context.signal.aborted; ) {
          if (number >= recorded.until) {
            await new Promise((resolve) => setTimeout(resolve, 10));
            continue;
          }
          const block = vector(`${number}.block`);
          await send(concatBytes(fieldHead(2, block.length), block));
          number += 1;
        }
        return;
      }
    },
  });
  recorded.address = (await server.listen("127.0.0.1:0")).address;
  return recorded;
}
