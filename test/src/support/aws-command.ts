/** AWS's own command line, where the machine has one. */
import { execFileSync } from "node:child_process";
import { type Outcome, runProgram } from "./hansa-command.js";
import { type ManagedService, REGION } from "./managed-service.js";

/** What `aws --version` says; undefined where there is none. */
function versionOf(): string | undefined {
  try {
    return execFileSync("aws", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch {
    return undefined;
  }
}

const version = versionOf();

/** Why tests that need the command cannot run, or false. */
export const withoutAws =
  version === undefined && "there is no aws command; scripts/install-aws-cli.sh installs Debian's where it may";

/** Since 1.29 and 2.13 it reads AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN; older ones are told the same on every call. */
function readsEndpointVariable(): boolean {
  const [, major = 0, minor = 0] = (/aws-cli\/(\d+)\.(\d+)/.exec(version ?? "") ?? []).map(Number);
  return major === 1 ? minor >= 29 : major === 2 ? minor >= 13 : major > 2;
}

/** Calls an operation as an account. A string of the answer may be picked with the command's own --query. */
export async function awsOutcome(service: ManagedService, profile: string, ...args: string[]): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"));
  const env = {
    ...Object.fromEntries(inherited),
    AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN: service.url,
    AWS_SHARED_CREDENTIALS_FILE: service.credentialsFile,
    AWS_CONFIG_FILE: "/dev/null",
    AWS_DEFAULT_REGION: REGION,
    AWS_PROFILE: profile,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_MAX_ATTEMPTS: "1",
    AWS_PAGER: "",
  };
  const endpoint = readsEndpointVariable() ? [] : ["--endpoint-url", service.url];
  return runProgram("aws", ["managedblockchain", ...args, ...endpoint, "--output", "json"], service.folder, env);
}
