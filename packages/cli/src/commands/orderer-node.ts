import { runOrdererNode } from "@hansa/network";
import type { Command } from "../command.js";
import { foregroundOf } from "./foreground.js";

export const ordererStart: Command = {
  name: "orderer start",
  summary: "run an orderer here, as Fabric's orderer.yaml and ORDERER_* variables describe it",
  usage: "",
  details:
    "Reads orderer.yaml in FABRIC_CFG_PATH, or in the working folder, as Fabric's own `orderer` does, and serves until it\n" +
    "is stopped by SIGTERM or Ctrl-C. Settings that are not followed are named in the log.",
  positionals: { min: 0, max: 0 },
  examples: ["FABRIC_CFG_PATH=$PWD/config hansa orderer start"],
  failsWith: 1,
  endsTidily: true,
  async run(call) {
    await runOrdererNode(foregroundOf(call, "hansa orderer"));
    return undefined;
  },
};

/** As Fabric's program is called: with or without "start". */
export const orderer: Command = {
  ...ordererStart,
  name: "orderer",
  summary: "the same as hansa orderer start",
  examples: ["hansa orderer"],
};
