/** ECDSA P-256 signatures as Fabric wants them, for the load generator alone: r‖s in, DER with the low s out. */

const ORDER = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const HALF_ORDER_HEX = (ORDER >> 1n).toString(16).padStart(64, "0");

function derInteger(unsigned: Buffer): Buffer {
  let start = 0;
  while (start < unsigned.length - 1 && unsigned[start] === 0) start++;
  const body = unsigned.subarray(start);
  const pad = (body[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.from([2, body.length + pad.length, ...pad]), body]);
}

export function lowS(raw: Buffer): Buffer {
  const s = raw.toString("hex", 32);
  const low =
    s > HALF_ORDER_HEX
      ? Buffer.from((ORDER - BigInt(`0x${s}`)).toString(16).padStart(64, "0"), "hex")
      : raw.subarray(32);
  const body = Buffer.concat([derInteger(raw.subarray(0, 32)), derInteger(low)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}
