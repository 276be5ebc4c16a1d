/** Numbers of the protocol by name, and back. */
import { common, protos } from "../generated/messages.js";

export const HeaderType = common.HeaderType;
export const Status = common.Status;
export const TxValidationCode = protos.TxValidationCode;

function reverse(names: object): ReadonlyMap<number, string> {
  return new Map(
    Object.entries(names)
      .filter((entry): entry is [string, number] => typeof entry[1] === "number")
      .map(([name, value]) => [value, name]),
  );
}

const validationNames = reverse(TxValidationCode);
const headerTypeNames = reverse(HeaderType);
const statusNames = reverse(Status);

/** "MVCC_READ_CONFLICT" for 11; the number as text where it has no name. */
export const txValidationCodeName = (code: number): string => validationNames.get(code) ?? String(code);
export const headerTypeName = (type: number): string => headerTypeNames.get(type) ?? String(type);
export const statusName = (status: number): string => statusNames.get(status) ?? String(status);
