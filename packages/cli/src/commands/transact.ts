import { explainedInvalid, explainGatewayError, type Member, type NetworkView } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command, Result } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { theChannel } from "./channel-option.js";

const options = {
  as: { type: "string", value: "member", about: "the member to act as; the first one unless given" },
  user: { type: "string", short: "u", value: "name", about: "the member's user; its first one unless given" },
  channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
  transient: { type: "string", value: "json", about: "private arguments, as a JSON object of texts" },
} as const;

export const invoke: Command = {
  name: "invoke",
  summary: "submit a transaction and wait until it is committed",
  usage: "<contract> <function> [argument…]",
  options: {
    ...options,
    init: { type: "boolean", about: "the first call of a contract that was deployed with --init-required" },
  },
  positionals: { min: 2, max: 1000 },
  examples: [
    "hansa invoke shipment PlaceOrder B-1 Pils 40 8 --as Pub",
    "hansa invoke shipment ConfirmOrder B-1 --as Brewery",
  ],
  run: (call) => withContract(call, call.options.flag("init") ? initialize : submit),
};

export const query: Command = {
  name: "query",
  summary: "ask a contract without writing to the ledger",
  usage: "<contract> <function> [argument…]",
  options,
  positionals: { min: 2, max: 1000 },
  examples: ["hansa query shipment ReadOrder B-1", "hansa query shipment OrderHistory B-1 --as Pub --json"],
  run: (call) =>
    withContract(call, async ({ contract, transaction, args, transientData }) => {
      const startedAt = performance.now();
      const result = text(await contract.evaluate(transaction, { arguments: [...args], transientData }));
      return { data: { result, ms: Math.round(performance.now() - startedAt) }, text: `${result}\n` };
    }),
};

async function submit({
  contract,
  transaction,
  args,
  transientData,
  who,
  view,
  channel,
  member,
}: Work): Promise<Result> {
  const startedAt = performance.now();
  const proposal = contract.newProposal(transaction, { arguments: [...args], transientData });
  const signed = await proposal.endorse();
  const commit = await signed.submit();
  const status = await commit.getStatus();
  const ms = Math.round(performance.now() - startedAt);
  const result = text(signed.getResult());
  const txId = signed.getTransactionId();
  if (!status.successful) {
    const known = { member: member.name, blockNumber: status.blockNumber };
    throw await explainedInvalid(view, channel, txId, status.code, known);
  }
  return {
    data: { txId, block: Number(status.blockNumber), code: "VALID", ms, result },
    text: `${result === "" ? "" : `${result}\n`}${who}: ${transaction} committed in block ${status.blockNumber}, transaction ${txId} (${ms} ms)\n`,
  };
}

async function initialize({ view, channel, name, transaction, args, transientData, member, user, who }: Work) {
  if (transientData !== undefined)
    throw new HansaError("USAGE", "--init and --transient do not go together.", {
      nextStep: "Make the first call without private arguments, and pass them in a later one.",
    });
  const startedAt = performance.now();
  const first = { name, channel, transaction, arguments: args, member: member.name, user };
  const { txId, blockNumber } = await view.initialize(first);
  const ms = Math.round(performance.now() - startedAt);
  return {
    data: { txId, block: blockNumber, code: "VALID", ms, result: "" },
    text: `${who}: ${name} is initialised in block ${blockNumber}, transaction ${txId} (${ms} ms)\n`,
  };
}

type Work = {
  readonly view: NetworkView;
  readonly channel: string;
  readonly name: string;
  readonly member: Member;
  readonly user: string;
  readonly contract: ReturnType<ReturnType<ReturnType<NetworkView["member"]>["gateway"]>["getNetwork"]> extends {
    getContract(name: string): infer C;
  }
    ? C
    : never;
  readonly transaction: string;
  readonly args: readonly string[];
  readonly transientData: Record<string, string> | undefined;
  readonly who: string;
};

async function withContract<T>(call: Call, work: (work: Work) => Promise<T>): Promise<T> {
  const view = await locateNetwork(call);
  const [name, transaction, ...args] = call.options.positionals as [string, string, ...string[]];
  const channel = theChannel(call, view);
  const member = view.member(call.options.text("as") ?? firstMember(view, channel));
  const { members } = view.channel(channel);
  if (!members.includes(member.name))
    throw new HansaError("UNKNOWN_CHANNEL", `${member.name} is not on channel ${channel}.`, {
      nextStep: `Act as one of its members, with --as: ${members.join(", ")}.`,
    });
  const transientData = transientOf(call);
  await runningSupervisor(view);
  const user = call.options.text("user") ?? member.users[0]!;
  const gateway = member.gateway({ user });
  try {
    const contract = gateway.getNetwork(channel).getContract(name);
    const who = `${member.name}/${user}`;
    return await work({ view, channel, name, member, user, contract, transaction, args, transientData, who });
  } catch (error) {
    throw error instanceof HansaError
      ? error
      : await explainGatewayError(error, view, { channel, contract: name, transaction });
  } finally {
    view.closeConnections();
  }
}

function firstMember(view: NetworkView, channel: string): string {
  return view.channel(channel).members[0]!;
}

function transientOf(call: Call): Record<string, string> | undefined {
  const json = call.options.text("transient");
  if (json === undefined) return undefined;
  const wrong = new HansaError("USAGE", "--transient is not a JSON object of texts.", {
    nextStep: `Write it like '{"price":"12"}'.`,
  });
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong;
    if (!Object.values(value).every((item) => typeof item === "string")) throw wrong;
    return value as Record<string, string>;
  } catch {
    throw wrong;
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
