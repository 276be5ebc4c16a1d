/**
 * A token of SoftHSM, a hardware security module in software, with keys that were made in it and never leave it.
 * SoftHSM and pkcs11js are no dependencies of Hansa: scripts/install-softhsm.sh brings both where it may.
 */
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Signer } from "@hyperledger/fabric-gateway";
import type * as Pkcs11Js from "pkcs11js";

const require = createRequire(import.meta.url);

/** SoftHSM's library, as Debian installs it or `SOFTHSM2_LIB` names it. */
export const softHsmLibrary = [
  process.env.SOFTHSM2_LIB ?? "",
  "/usr/lib/softhsm/libsofthsm2.so",
  ...(existsSync("/usr/lib") ? readdirSync("/usr/lib") : []).map((name) => `/usr/lib/${name}/softhsm/libsofthsm2.so`),
  "/usr/local/lib/softhsm/libsofthsm2.so",
].find((file) => file !== "" && existsSync(file));

const pkcs11js = ((): typeof Pkcs11Js | undefined => {
  try {
    return require("pkcs11js") as typeof Pkcs11Js;
  } catch {
    return undefined;
  }
})();

/** Why tests with an HSM are skipped; false when they need not be. */
export const hsmIsMissing =
  softHsmLibrary === undefined
    ? "there is no SoftHSM: run scripts/install-softhsm.sh"
    : pkcs11js === undefined && "pkcs11js is not built: run scripts/install-softhsm.sh";

export const LABEL = "hansa";
export const PIN = "98765432";

/** DER of the object identifier of the curve P-256. */
const P256 = Buffer.from("06082a8648ce3d030107", "hex");

/**
 * Makes a token in a folder with one P-256 key pair for each id; this process's SoftHSM has that token alone from then
 * on. @returns public keys, in the ids' order
 */
export function makeToken(folder: string, ids: readonly string[]): KeyObject[] {
  const p11 = pkcs11js!;
  const tokens = path.join(folder, "tokens");
  mkdirSync(tokens, { recursive: true });
  const settings = path.join(folder, "softhsm2.conf");
  writeFileSync(settings, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  process.env.SOFTHSM2_CONF = settings;

  const module = new p11.PKCS11();
  module.load(softHsmLibrary!);
  module.C_Initialize();
  try {
    const [empty] = module.C_GetSlotList(true);
    // PKCS #11 has labels of 32 characters, filled with blanks.
    module.C_InitToken(empty!, PIN, LABEL.padEnd(32));
    // A token that was set up moves to a slot of its own.
    const slot = module.C_GetSlotList(true).find((each) => module.C_GetTokenInfo(each).label.trim() === LABEL);
    const session = module.C_OpenSession(slot!, p11.CKF_RW_SESSION | p11.CKF_SERIAL_SESSION);
    module.C_Login(session, p11.CKU_SO, PIN);
    module.C_InitPIN(session, PIN);
    module.C_Logout(session);
    module.C_Login(session, p11.CKU_USER, PIN);
    return ids.map((id) => makeKey(module, session, Buffer.from(id)));
  } finally {
    module.C_Finalize();
  }
}

function makeKey(module: Pkcs11Js.PKCS11, session: Pkcs11Js.Handle, id: Buffer): KeyObject {
  const p11 = pkcs11js!;
  const { publicKey } = module.C_GenerateKeyPair(
    session,
    { mechanism: p11.CKM_EC_KEY_PAIR_GEN },
    [
      { type: p11.CKA_TOKEN, value: true },
      { type: p11.CKA_ID, value: id },
      { type: p11.CKA_VERIFY, value: true },
      { type: p11.CKA_EC_PARAMS, value: P256 },
    ],
    [
      { type: p11.CKA_TOKEN, value: true },
      { type: p11.CKA_ID, value: id },
      { type: p11.CKA_PRIVATE, value: true },
      { type: p11.CKA_SENSITIVE, value: true },
      { type: p11.CKA_EXTRACTABLE, value: false },
      { type: p11.CKA_SIGN, value: true },
    ],
  );
  const [point] = module.C_GetAttributeValue(session, publicKey, [{ type: p11.CKA_EC_POINT }]);
  // An OCTET STRING that holds 04, x and y.
  const bytes = Buffer.from(point!.value as Buffer).subarray(-64);
  const [x, y] = [bytes.subarray(0, 32), bytes.subarray(32)].map((part) => part.toString("base64url"));
  return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y } as Record<string, string>, format: "jwk" });
}

/** A certificate request for a key that only `sign` can use, as PEM. */
export async function requestFor(commonName: string, publicKey: KeyObject, sign: Signer): Promise<string> {
  const der = (tag: number, ...parts: Buffer[]) => {
    const content = Buffer.concat(parts);
    const { length } = content;
    const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
    return Buffer.concat([Buffer.from([tag, ...size]), content]);
  };
  const nameType = Buffer.from("0603550403", "hex");
  const name = der(0x30, der(0x31, der(0x30, nameType, der(0x0c, Buffer.from(commonName)))));
  const key = publicKey.export({ type: "spki", format: "der" });
  const body = der(0x30, Buffer.from("020100", "hex"), name, key, der(0xa0));
  const signature = Buffer.from(await sign(createHash("sha256").update(body).digest()));
  const ecdsaWithSha256 = Buffer.from("300a06082a8648ce3d040302", "hex");
  const request = der(0x30, body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  const lines = request.toString("base64").replace(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
}
