import { runPeerNode } from "@hansa/network";
import type { Command } from "../command.js";
import { foregroundOf } from "./foreground.js";

export const peerNodeStart: Command = {
  name: "peer node start",
  summary: "run a peer here, as Fabric's core.yaml and CORE_* variables describe it",
  usage: "",
  details:
    "Reads core.yaml in FABRIC_CFG_PATH, or in the working folder, as Fabric's own `peer node start` does, and serves\n" +
    "until it is stopped by SIGTERM or Ctrl-C. Settings that are not followed are named in the log.",
  options: {
    "peer-chaincodedev": { type: "boolean", about: "chaincodes are started by hand and attach by themselves" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["FABRIC_CFG_PATH=$PWD/config hansa peer node start"],
  failsWith: 1,
  endsTidily: true,
  async run(call) {
    const chaincodeDevMode = call.options.flag("peer-chaincodedev");
    await runPeerNode(foregroundOf(call, "hansa peer"), { chaincodeDevMode });
    return undefined;
  },
};
