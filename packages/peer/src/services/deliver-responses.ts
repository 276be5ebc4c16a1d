/**
 * Encoded `protos.DeliverResponse` messages. They are put together from bytes, because the block inside is sent exactly
 * as it is stored.
 */
import { concatBytes } from "@hansa/primitives";
import { common, fieldHead, protos, varintBytes } from "@hansa/wire";

const FIELD = { block: 2, filteredBlock: 3, blockAndPrivateData: 4 } as const;

export function statusResponse(status: common.Status): Uint8Array {
  return protos.DeliverResponse.encode({ status }).finish();
}

export function blockResponse(block: Uint8Array): Uint8Array {
  return lengthDelimited(FIELD.block, block);
}

export function filteredBlockResponse(filtered: Uint8Array): Uint8Array {
  return lengthDelimited(FIELD.filteredBlock, filtered);
}

export function headersOnlyResponse(block: Uint8Array): Uint8Array {
  const { header, metadata } = common.Block.decode(block);
  return blockResponse(common.Block.encode({ header, metadata }).finish());
}

/** @param privateData by index of the transaction in the block */
export function privateDataResponse(block: Uint8Array, privateData: ReadonlyMap<number, Uint8Array>): Uint8Array {
  // BlockAndPrivateData: block = 1, private_data_map = 2 with entries of key = 1 (varint) and value = 2.
  const entries = [...privateData].map(([txIndex, writeSet]) =>
    lengthDelimited(2, concatBytes(Uint8Array.of(0x08), varintBytes(txIndex), lengthDelimited(2, writeSet))),
  );
  return lengthDelimited(FIELD.blockAndPrivateData, concatBytes(lengthDelimited(1, block), ...entries));
}

function lengthDelimited(field: number, content: Uint8Array): Uint8Array {
  return concatBytes(fieldHead(field, content.length), content);
}
