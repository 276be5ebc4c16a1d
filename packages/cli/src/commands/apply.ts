import path from "node:path";
import { Layout, NetworkView } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import { AS_MEMBER, Session } from "../api/session.js";
import { carryOut } from "../apply/carry-out.js";
import { readCurrent } from "../apply/current.js";
import { planSteps, type Step, stepInWords } from "../apply/plan.js";
import type { Call, Command } from "../command.js";
import { dataRoot, readNetworkFile, runningSupervisor } from "../locate.js";
import { table } from "../output.js";

/** A join makes a node possible, a channel a contract: each round may open steps for the next. */
const MOST_ROUNDS = 5;

export const apply: Command = {
  name: "apply",
  summary: "bring a running network to what its file says: propose what needs a vote, do the rest",
  usage: "<network-file>",
  details:
    "Shows the plan. With --yes it makes the proposals, in the name of --as or your first member, lets your own invited\n" +
    "accounts join, and makes nodes, channels and contracts. It votes for nobody: run it again after the vote.",
  options: { as: AS_MEMBER, yes: { type: "boolean", about: "do it; without this the plan is only shown" } },
  positionals: { min: 1, max: 1 },
  examples: ["hansa apply coffee.yaml", "hansa apply coffee.yaml --as Farm --yes"],
  async run(call) {
    const file = await readNetworkFile(call.io.cwd, call.options.positionals[0]);
    const layout = new Layout(path.join(dataRoot(call), call.options.text("network") ?? file.name));
    const session = await Session.open(call);
    const done: { step: string; outcome: string }[] = [];
    let shown: Step[] = [];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const view = await openView(layout, file.name);
      try {
        const supervisor = await runningSupervisor(view);
        const scope = await session.networkById(view.config.networkId ?? "");
        const steps = planSteps(file, await readCurrent(session, scope, view, supervisor));
        if (round === 0) shown = steps;
        const doable = steps.filter(({ kind }) => kind !== "wait" && kind !== "cannot");
        const fresh = doable.filter((step) => !done.some((each) => each.step === stepInWords(step)[1]));
        if (!call.options.flag("yes") || fresh.length === 0) break;
        for (const step of fresh) {
          const outcome = await carryOut(step, {
            call,
            session,
            scope,
            view: await openView(layout, file.name),
            supervisor,
          });
          call.progress(outcome);
          done.push({ step: stepInWords(step)[1], outcome });
        }
      } finally {
        view.closeConnections();
      }
    }
    return { data: { plan: shown.map(dataOf), done }, text: textOf(call, file.name, shown, done) };
  },
};

async function openView(layout: Layout, name: string): Promise<NetworkView> {
  return NetworkView.open(layout).catch((error: unknown) => {
    if (!(error instanceof HansaError) || error.code !== "NO_NETWORK") throw error;
    throw new HansaError("NO_NETWORK", `Network ${name} does not exist yet.`, {
      nextStep: "Start it from its file with: hansa up <network-file>",
    });
  });
}

function dataOf(step: Step) {
  const [sign, text] = stepInWords(step);
  return { kind: step.kind, sign, text };
}

function textOf(call: Call, name: string, steps: readonly Step[], done: readonly { step: string; outcome: string }[]) {
  if (steps.length === 0) return `Network ${name} is what its file says.\n`;
  const plan = table(steps.map((step) => [...stepInWords(step)]));
  const legend = "? needs a vote   + makes   ~ changes   . waits   ! is not done here\n";
  if (call.options.flag("yes"))
    return `${plan}\n${done.length === 0 ? "Nothing could be done now.\n" : table(done.map(({ step, outcome }) => [step, outcome]))}`;
  return `${plan}\n${call.paint.dim(legend)}Do it with: hansa apply ${call.options.positionals[0]} --yes\n`;
}
