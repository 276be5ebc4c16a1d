import { startCa } from "@hansa/ca";
import type { Logger } from "@hansa/primitives";
import { readIdentityFile } from "../identity/material.js";
import type { RunningRole } from "./role.js";
import type { CaSpec } from "./specs.js";

/** Starts an organisation's certificate authority. */
export async function caRole(config: unknown, logger: Logger): Promise<RunningRole> {
  const spec = config as CaSpec;
  const secret = (await readIdentityFile(spec.registrarSecretFile)).trim();
  return startCa({
    domain: spec.domain,
    dataDir: spec.dataFolder,
    listenAddress: spec.address,
    rest: { listenAddress: spec.restAddress, otherNames: spec.otherNames, affiliations: spec.affiliations },
    hosts: [spec.host],
    registrar: { id: spec.registrar, secret, drawn: true },
    logger,
  });
}
