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
import { type Layout, readWholeStrandCopy } from "@hansa/network";
import { type Bytes, HansaError, messageOf, systemClock } from "@hansa/primitives";
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
    const verifies = call.options.flag("verify");
    const { blocks: encoded, unread } = await readWholeStrandCopy(layout.governanceStrand);
    const blocks = encoded.map((bytes, number) => readBlock(layout, bytes, number));
    // A network that starts reads the rest anew; what was changed must not pass for what holds.
    const rest = unread && `from byte ${unread.byte} on, ${unread.bytes} bytes were changed, or not written to the end`;
    if (rest !== undefined && (verifies || blocks.length === 0)) throw damaged(layout, `block ${blocks.length}`, rest);
    if (rest !== undefined) call.progress(`The copy of the strand ends before block ${blocks.length}: ${rest}.`);
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
    if (!verifies) return { data: { records: lines }, text: log };

    const verified = verifyStrand(blocks, new Identities().verifier());
    if (!verified.ok) {
      const { sequenceNo, record, reason } = verified.fault;
      const place = record === undefined ? `block ${sequenceNo}` : `record ${record + 1} of block ${sequenceNo}`;
      throw damaged(layout, place, reason);
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

function readBlock(layout: Layout, bytes: Bytes, number: number) {
  try {
    return readStrandBlock(bytes);
  } catch (cause) {
    throw damaged(layout, `block ${number}`, messageOf(cause), cause);
  }
}

function damaged(layout: Layout, place: string, reason: string, cause?: unknown): HansaError {
  return new HansaError("DAMAGED", `The governance strand in ${layout.root} does not hold at ${place}: ${reason}.`, {
    cause,
    nextStep: `The orderer's journal has the strand; delete ${layout.governanceStrand} and start the network to read it anew.`,
  });
}
