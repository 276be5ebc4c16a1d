import path from "node:path";
import { writeNewContract } from "@hansa/network";
import type { Command } from "../command.js";

export const contractNew: Command = {
  name: "contract new",
  summary: "write a small working contract to begin with, in TypeScript",
  usage: "<folder>",
  details: "An ordinary contract for Hyperledger Fabric, which hansa contract dev runs at once.",
  options: { name: { type: "string", value: "name", about: "the contract's name; the folder's unless given" } },
  positionals: { min: 1, max: 1 },
  examples: ["hansa contract new ./my-contract"],
  async run(call) {
    const given = call.options.positionals[0]!;
    const folder = path.resolve(call.io.cwd, given);
    const files = await writeNewContract(folder, call.options.text("name"));
    const lines = files.map((file) => `  ${file}\n`).join("");
    return {
      data: { folder, files },
      text: `A contract is in ${folder}:\n${lines}\nNext:\n  ${call.paint.dim(`hansa contract dev ${given}`)}\n`,
    };
  },
};
