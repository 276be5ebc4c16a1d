import {
  asOf,
  describeAct,
  explainMember,
  fold,
  type GovernanceState,
  Identities,
  readSignedRecord,
  readStrandBlock,
  verifyStrand,
} from "@hansa/governance";
import { readStrandCopy } from "@hansa/network";
import { HansaError, systemClock } from "@hansa/primitives";
import type { Command } from "../command.js";
import { locateLayout } from "../locate.js";
import { table } from "../output.js";

export const governanceLog: Command = {
  name: "governance log",
  summary: "every act of the members, in the order that was given to it",
  usage: "",
  details:
    "Read from this machine's copy of the governance strand, whether the network runs or not. --verify recomputes\n" +
    "every hash, checks every signature and every rule, and says who is a member and why.",
  options: { verify: { type: "boolean", about: "trust nothing: recompute who is a member from the strand alone" } },
  positionals: { min: 0, max: 0 },
  examples: ["hansa governance log", "hansa governance log --verify --json"],
  async run(call) {
    const layout = await locateLayout(call);
    const blocks = (await readStrandCopy(layout.governanceStrand)).map(readStrandBlock);
    if (blocks.length === 0)
      throw new HansaError("NO_NETWORK", `The network in ${layout.root} is not founded yet.`, {
        nextStep: "Start it with: hansa up",
      });
    let state: GovernanceState | undefined;
    const lines = blocks.flatMap(({ block, records }) =>
      records.map((bytes, index) => {
        const { act } = readSignedRecord(bytes);
        const text = describeAct(state, act);
        const folded = fold(state, act, block.timestampMs);
        if (folded.ok) state = folded.state;
        const { sequenceNo } = block.address;
        return { sequenceNo, entry: index + 1, at: new Date(block.timestampMs).toISOString(), kind: act.kind, text };
      }),
    );
    const rows = lines.map(({ sequenceNo, at, text }) => [String(sequenceNo), at.slice(0, 19), text]);
    const log = table([["block", "when", "what"], ...rows]);
    if (!call.options.flag("verify")) return { data: { records: lines }, text: log };

    const verified = verifyStrand(blocks, new Identities().verifier());
    if (!verified.ok) {
      const { sequenceNo, record, reason } = verified.fault;
      const place = record === undefined ? `block ${sequenceNo}` : `record ${record + 1} of block ${sequenceNo}`;
      throw new HansaError("DAMAGED", `The governance strand in ${layout.root} does not hold at ${place}: ${reason}.`, {
        nextStep: "The orderer's journal has the strand; delete the copy and start the network to read it anew.",
      });
    }
    const known = asOf(verified.position.state!, systemClock.now());
    const members = [...known.members.values()].map(({ memberId, name, status }) => ({
      memberId,
      name,
      status,
      why: explainMember(known, memberId),
    }));
    const why = members.map((member) => `${member.why}\n`).join("");
    return {
      data: { records: lines, verified: true, blocks: blocks.length, members },
      text: `${log}\n${call.paint.green("✓")} ${blocks.length} blocks: every hash, signature and rule holds.\n\n${why}`,
    };
  },
};
