import path from "node:path";
import { askStatus, findSupervisor, isDeleted } from "@hansa/network";
import type { Command } from "../command.js";
import { locateNetwork } from "../locate.js";
import { asTyped, table } from "../output.js";

export const status: Command = {
  name: "status",
  summary: "what every node is doing",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa status", "hansa status --json"],
  async run(call) {
    const view = await locateNetwork(call);
    const supervisor = await findSupervisor(view.layout);
    const { bold, green, red } = call.paint;
    const contracts = view.state.contracts;
    if (supervisor === undefined) {
      const at = `--network ${path.basename(view.layout.root)}`;
      const hasEnded = await isDeleted(view.layout).catch(() => false);
      const text = hasEnded
        ? `Network ${bold(view.name)} ended when its last member left.\n` +
          `Read what was decided with: hansa governance log ${at}\nRemove what is left with: hansa down --wipe ${at}\n`
        : `Network ${bold(view.name)} is stopped.\nStart it with: hansa up ${at}\n`;
      return {
        data: { network: view.name, running: false, ended: hasEnded, nodes: [], contracts },
        text: asTyped(text, call.io.env),
      };
    }
    const found = await askStatus(supervisor);
    const now = Date.now();
    const rows = found.nodes.map((node) => [
      node.id,
      node.organization,
      node.state,
      node.address,
      node.operationsUrl ?? "-",
      node.pid === undefined ? "-" : String(node.pid),
      node.state === "running" ? duration(now - node.startedAtMs) : "-",
      node.restarts === 0 ? "" : `restarted ${node.restarts}x, last because ${node.lastFailure}`,
    ]);
    const lines = table([["node", "organization", "state", "address", "operations", "pid", "up", ""], ...rows]);
    const coloured = lines
      .replaceAll(/ running /g, (text) => green(text))
      .replaceAll(/ restarting /g, (text) => red(text));
    const alarms = found.nodes
      .filter(({ alarms: files }) => files.length > 0)
      .map(({ id, alarms: files }) =>
        red(
          `\nALARM  ${id} has been shown two histories and takes no more blocks from the orderer that showed them.\n` +
            files.map((file) => `  evidence: ${file}\n`).join("") +
            "  Check it with: hansa verify <evidence> --roots <root certificates>\n",
        ),
      )
      .join("");
    return {
      data: { ...found, running: true, contracts },
      text: `Network ${bold(view.name)} is running, supervisor ${found.supervisorPid}.\n\n${coloured}${alarms}`,
    };
  },
};

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
