/** The files by which an orderer and its NATS servers know each other: the user names them, so what is wrong is said. */
import { readFile } from "node:fs/promises";
import type { OrdererConfig } from "@hansa/orderer";
import { HansaError, messageOf } from "@hansa/primitives";
import type { JetStreamSpec } from "./specs.js";

const CERTIFICATE = { holds: /-----BEGIN CERTIFICATE-----/, what: "a PEM certificate" };
const KEY = { holds: /-----BEGIN [A-Z ]*PRIVATE KEY-----/, what: "a PEM private key" };
const CREDENTIALS = { holds: /-----BEGIN|^\s*SU[A-Z2-7]{56}\s*$/, what: 'a user key\'s seed ("SU…") or a .creds file' };

/** @throws HansaError ORDERING_FILE naming setting and file */
export async function readJetStream(spec: JetStreamSpec): Promise<NonNullable<OrdererConfig["ordering"]>> {
  const { servers, replicas, tls, credentials } = spec;
  const [caPem, certPem, keyPem, secret] = await Promise.all([
    read("tls.ca", tls?.ca, CERTIFICATE),
    read("tls.cert", tls?.cert, CERTIFICATE),
    read("tls.key", tls?.key, KEY),
    read("credentials", credentials, CREDENTIALS),
  ]);
  return {
    engine: "jetstream",
    servers,
    replicas,
    ...(caPem === undefined ? {} : { tls: { caPem, ...(certPem && keyPem ? { certPem, keyPem } : {}) } }),
    ...(secret === undefined ? {} : { credentials: credentialsOf(secret) }),
  };
}

async function read(
  setting: string,
  file: string | undefined,
  expected: { readonly holds: RegExp; readonly what: string },
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const wrong = (reason: string, cause?: unknown) =>
    new HansaError("ORDERING_FILE", `ordering.${setting}: ${reason}.`, {
      cause,
      nextStep: `Name a file that holds ${expected.what}: in the network file, or under jetstream in the node's own.`,
    });
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw wrong(`${file} cannot be read: ${messageOf(cause)}`, cause);
  });
  if (expected.holds.test(text)) return text;
  throw wrong(`${file} does not hold ${expected.what}`);
}

/** A .creds file has a frame around its parts; a user key's seed stands alone. */
function credentialsOf(secret: string) {
  return secret.includes("-----BEGIN") ? { creds: secret } : { nkeySeed: secret.trim() };
}
