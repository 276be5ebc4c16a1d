import { startCa } from "@hansa/ca";
import { readIdentityFile } from "../identity/material.js";
import type { NodeLogger } from "./log.js";
import type { RunningRole } from "./role.js";
import type { CaSpec } from "./specs.js";

/** Starts an organisation's certificate authority. */
export async function caRole(config: unknown, logger: NodeLogger): Promise<RunningRole> {
  const spec = config as CaSpec;
  const secret = (await readIdentityFile(spec.registrarSecretFile)).trim();
  return startCa({
    domain: spec.domain,
    dataDir: spec.dataFolder,
    listenAddress: spec.address,
    rest: { listenAddress: spec.restAddress, otherNames: spec.otherNames, affiliations: spec.affiliations },
    hosts: [spec.host, ...spec.extraHosts],
    operations: spec.operations && {
      listenAddress: spec.operations.address,
      logging: logger.levels,
      withOwnTls: spec.operations.tls,
    },
    registrar: { id: spec.registrar, secret, drawn: true },
    logger,
  });
}
