import { readFile } from "node:fs/promises";
import type { NamedAccount } from "@hansa/network";
import { HansaError } from "@hansa/primitives";

/**
 * The profiles of a credentials file as the AWS tools read it, one or all of them. An account id is known where a
 * comment of the profile says it, as in files that a control plane writes; elsewhere the key id stands for it.
 * @throws HansaError ACCOUNTS
 */
export async function readCredentials(file: string, wanted: string | undefined): Promise<readonly NamedAccount[]> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new HansaError("ACCOUNTS", `The credentials file ${file} cannot be read: ${cause.message}.`, {
      cause,
      nextStep: "Correct AWS_SHARED_CREDENTIALS_FILE, or unset it.",
    });
  });
  const found = profilesOf(text).filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length > 0) return found;
  const what = wanted === undefined ? "no profile with keys" : `no profile "${wanted}" with keys`;
  throw new HansaError("ACCOUNTS", `The credentials file ${file} has ${what}.`, {
    nextStep: "Choose another one with AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
  });
}

function profilesOf(text: string): NamedAccount[] {
  const profiles: NamedAccount[] = [];
  for (const section of text.split(/^(?=[ \t]*\[)/m)) {
    const name = /^[ \t]*\[([^\]\n]+)\]/.exec(section)?.[1]?.trim();
    const setting = (key: string) => new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(\\S+)`, "m").exec(section)?.[1];
    const accessKeyId = setting("aws_access_key_id");
    const secretAccessKey = setting("aws_secret_access_key");
    if (name === undefined || accessKeyId === undefined || secretAccessKey === undefined) continue;
    const accountId = /^[ \t]*# account (\d{12})[ \t\r]*$/m.exec(section)?.[1] ?? accessKeyId;
    profiles.push({ name, accountId, accessKeyId, secretAccessKey });
  }
  return profiles;
}
