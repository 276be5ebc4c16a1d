/**
 * The whole of Hansa in one command: starts the network of network-configs/beer-supply-chain.yaml as processes, plays
 * the way of one order of beer through Fabric's own client library, checks what the members' ledgers say, and stops.
 * Needs Node, npm and git; installs and builds first where that is needed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { build, install, nodeProblem, root } from "./prepare.mjs";

const terminal = process.stdout.isTTY === true && !process.env.NO_COLOR;
const style = (open, close) => (text) => (terminal ? `\u001b[${open}m${text}\u001b[${close}m` : text);
const bold = style(1, 22);
const dim = style(2, 22);
const green = style(32, 39);
const red = style(31, 39);

let waiting;
/** Shows what is going on until the next line is printed. Without a terminal the finished lines say enough. */
function progress(text) {
  clearInterval(waiting);
  if (!terminal) return;
  const startedAt = performance.now();
  const draw = () =>
    process.stdout.write(`\r\u001b[K  ${dim(`… ${text} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)}`);
  draw();
  waiting = setInterval(draw, 100);
}

function line(text) {
  clearInterval(waiting);
  process.stdout.write(`${terminal ? "\r\u001b[K" : ""}${text}\n`);
}

function step(what, { txId, block, ms }) {
  const facts = [
    txId === undefined ? "" : `tx ${txId.slice(0, 8)}`,
    block === undefined ? "" : `block ${block}`,
    `${Math.round(ms)} ms`,
  ];
  line(
    `  ${green("✓")} ${what.padEnd(68)} ${dim(`${facts[0].padEnd(12)}${facts[1].padEnd(9)}${facts[2].padStart(8)}`)}`,
  );
}

async function main() {
  const problem = nodeProblem();
  if (problem !== undefined) throw new Error(problem);
  line(bold("Hansa: beer on its way from a brewery to a pub, on a network of three members\n"));

  progress("installing what is needed");
  const installMs = await install();
  if (installMs > 0) step("Installed what the project needs", { ms: installMs });
  progress("building");
  step("Built the project", { ms: await build() });

  const { startNetwork } = await import("hansa");
  const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-demo-"));
  let network;
  // Ctrl-C in the middle leaves nothing: the nodes end with this process, and their data goes with the exit.
  const abandon = () => process.exit(130);
  process.once("SIGINT", abandon);
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  try {
    const startedAt = performance.now();
    progress("starting four certificate authorities, three peers and one orderer");
    network = await startNetwork(path.join(root, "network-configs/beer-supply-chain.yaml"), {
      dataFolder: folder,
      mode: "processes",
      onProgress: ({ step: what, ms }) => step(sentence(what), { ms }),
    });
    step(`Network ${network.name} is up: ${network.nodes().length} processes`, { ms: performance.now() - startedAt });
    line("");
    const played = await play(network);
    line("");
    await verify(network, played);
    progress("stopping");
    const stoppingAt = performance.now();
    await network.stop();
    step("Stopped every process", { ms: performance.now() - stoppingAt });
    summarize(played);
  } catch (error) {
    await network?.stop().catch(() => {});
    throw error;
  } finally {
    clearInterval(waiting);
    process.removeListener("SIGINT", abandon);
  }
}

const CHANNEL = "deliveries";
const CONTRACT = "shipment";

/** Each member acts through its own peer, as its own user. */
async function play(network) {
  const contracts = {};
  for (const member of network.members) {
    const gateway = network.member(member.name).gateway();
    contracts[member.name] = gateway.getNetwork(CHANNEL).getContract(CONTRACT);
  }
  const ledger = network.member("Brewery").gateway().getNetwork(CHANNEL);
  const events = await ledger.getChaincodeEvents(CONTRACT, { startBlock: 0n });
  const warning = firstEvent(events, "ShipmentTooWarm");
  // Whoever waits for it hears of a failure; until then it must not end the demo before the real reason is told.
  warning.catch(() => {});
  const times = [];

  const submit = async (who, what, transaction, ...args) => {
    progress(what);
    const startedAt = performance.now();
    const proposal = contracts[who].newProposal(transaction, { arguments: args.map(String) });
    const endorsed = await proposal.endorse();
    const commit = await endorsed.submit();
    const status = await commit.getStatus();
    if (!status.successful) throw new Error(`${transaction} was ordered but is invalid, code ${status.code}`);
    const ms = performance.now() - startedAt;
    times.push(ms);
    step(what, { txId: status.transactionId, block: status.blockNumber, ms });
    return Buffer.from(endorsed.getResult()).toString("utf8");
  };
  const refused = async (who, what, expected, transaction, ...args) => {
    progress(what);
    const startedAt = performance.now();
    try {
      await contracts[who].submitTransaction(transaction, ...args.map(String));
    } catch (error) {
      const reason = error.details?.[0]?.message.replace(/^chaincode response \d+, /, "") ?? error.message;
      if (!expected.test(reason)) throw new Error(`${what} was refused, but with another reason: ${reason}`);
      step(`${what}, and is refused:`, { ms: performance.now() - startedAt });
      line(`      ${reason}`);
      return;
    }
    throw new Error(`${what}, and nobody stopped it`);
  };

  const order = "B-1";
  await submit("Pub", "Pub orders 40 kegs of Pils, to be kept below 8 °C", "PlaceOrder", order, "Pils", 40, 8);
  await submit("Brewery", "Brewery confirms the order", "ConfirmOrder", order);
  await refused("Pub", "Pub tries to ship the beer itself", /^Only the brewery may ship an order/, "ShipOrder", order);
  await submit("Brewery", "Brewery ships the order", "ShipOrder", order);
  await submit("Carrier", "Carrier picks it up", "RecordPickup", order);
  for (const celsius of [4.5, 6.1])
    await submit("Carrier", `Carrier reads ${celsius} °C`, "RecordTemperature", order, celsius);
  await submit("Carrier", "Carrier reads 11.4 °C: too warm", "RecordTemperature", order, 11.4);

  progress("waiting for the event");
  const waitedAt = performance.now();
  const event = await warning;
  const { celsius, maxCelsius } = JSON.parse(Buffer.from(event.payload).toString("utf8"));
  step(`Brewery hears of it: event ${event.eventName}, ${celsius} °C above ${maxCelsius} °C`, {
    txId: event.transactionId,
    block: event.blockNumber,
    ms: performance.now() - waitedAt,
  });
  events.close();

  await submit("Carrier", "Carrier delivers 39 kegs", "RecordDelivery", order, 39);
  await refused(
    "Carrier",
    "Carrier tries to deliver a second time",
    /was delivered already/,
    "RecordDelivery",
    order,
    40,
  );
  const check = JSON.parse(
    await submit("Pub", "Pub checks what arrived against what it ordered", "CheckDelivery", order),
  );
  if (check.complete || !check.tooWarm || check.orderedKegs - check.deliveredKegs !== 1)
    throw new Error(`the check does not say what happened: ${JSON.stringify(check)}`);
  line(
    `      ordered ${check.orderedKegs}, delivered ${check.deliveredKegs}, too warm: ${check.tooWarm ? "yes" : "no"}`,
  );
  return { contracts, order, times };
}

async function firstEvent(events, name) {
  for await (const event of events) if (event.eventName === name) return event;
  throw new Error(`no event ${name} came`);
}

/** Every member's ledger must tell the same story, byte for byte. */
async function verify(network, played) {
  progress("comparing the members' ledgers");
  const startedAt = performance.now();
  // First the blocks: a peer that is a block behind would tell a shorter story, and a true one.
  const ledgers = await settled(() => network.ledgers(CHANNEL));
  const histories = new Map();
  for (const [member, contract] of Object.entries(played.contracts)) {
    const bytes = await contract.evaluateTransaction("OrderHistory", played.order);
    histories.set(member, Buffer.from(bytes).toString("utf8"));
  }
  const [first, ...others] = histories.values();
  if (others.some((history) => history !== first)) throw new Error("the members' histories differ");
  const steps = JSON.parse(first);
  played.ledgers = ledgers;
  step(`All ${ledgers.length} peers hold the same ${ledgers[0].height} blocks and the same state`, {
    ms: performance.now() - startedAt,
  });
  line(
    `      the order's history: ${steps
      .map((each) => each.status)
      .reverse()
      .filter((status, index, all) => status !== all[index - 1])
      .join(" → ")}`,
  );
}

/** Peers commit a moment apart; what they must agree on is where they end. */
async function settled(read) {
  for (let attempt = 0; ; attempt++) {
    const ledgers = await read();
    const distinct = (field) => new Set(ledgers.map((ledger) => ledger[field])).size;
    if (["height", "blockHash", "commitHash"].every((field) => distinct(field) === 1)) return ledgers;
    if (attempt === 50) throw new Error(`the members' ledgers differ: ${JSON.stringify(ledgers)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function summarize({ ledgers, times }) {
  const sorted = [...times].sort((a, b) => a - b);
  line(
    `\n  ${bold("peer".padEnd(16))}${bold("blocks".padEnd(8))}${bold("newest block".padEnd(18))}${bold("commit hash")}`,
  );
  for (const { peer, height, blockHash, commitHash } of ledgers)
    line(
      `  ${peer.padEnd(16)}${String(height).padEnd(8)}${blockHash.slice(0, 16).padEnd(18)}${commitHash.slice(0, 16)}`,
    );
  line(
    `\n  ${times.length} transactions; the median took ${Math.round(sorted[sorted.length >> 1])} ms from proposal to commit.`,
  );
  line(`\n${bold("What to try next")}`);
  line("  npx hansa up                                   the same network, in the background; then npx hansa status");
  line("  npx hansa invoke shipment PlaceOrder B-2 Stout 12 8 --as Pub");
  line("  npx hansa contract deploy <folder>             a contract of your own");
  line(
    "  network-configs/beer-supply-chain.yaml         the network; network-configs/contracts/shipment, the contract",
  );
}

function sentence(text) {
  return text[0].toUpperCase() + text.slice(1);
}

try {
  await main();
} catch (error) {
  line(`\n${red(`The demo stopped: ${error instanceof Error ? error.message : error}`)}`);
  if (error?.nextStep !== undefined) line(error.nextStep);
  if (process.env.HANSA_DEBUG === "1") console.error(error);
  process.exitCode = 1;
}
