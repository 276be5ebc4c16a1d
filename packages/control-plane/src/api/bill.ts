/** GET /hansa/bill: what the managed service would charge for the account's members. */
import { billLines, type MeteredMember, type Period, total } from "../billing/meter.js";
import { invalid } from "../errors.js";
import type { Input } from "../input/inputs.js";
import type { MemberView, NetworkView } from "../model/network-view.js";
import { adoptedRow } from "../model/node-view.js";
import { type Answer, type Context, iso } from "./context.js";
import { readTime } from "./hansa.js";

/** Also for members that are gone. Without `from` it begins with the network, without `to` it ends now. */
export async function getBill(context: Context, input: Input<"GetBill">): Promise<Answer> {
  const { world } = context;
  const views = world
    .networks()
    .filter((view) => input.network === undefined || view.networkId === input.network)
    .filter((view) => view.members.some(({ accountId }) => accountId === context.accountId));
  // Says NotFound where the network is none of the account's business.
  if (input.network !== undefined && views.length === 0) context.network(input.network);
  const from = input.from === undefined ? undefined : readTime(input.from, "from");
  const to = input.to === undefined ? undefined : readTime(input.to, "to");
  if (from !== undefined && to !== undefined && from > to) throw invalid("from must not be after to.");
  const networks = [];
  for (const view of views) {
    // What a network's first start writes to its channels comes a moment before the record that founds it.
    const period = { from: from ?? 0, to: Math.min(to ?? view.now, view.now) };
    networks.push(await billOf(context, view, period, from ?? view.createdAt));
  }
  const { prices } = world.settings;
  return {
    AccountId: context.accountId,
    Currency: "USD",
    Prices: { Date: prices.date, Region: prices.region },
    NotMetered: prices.notMetered,
    Networks: networks,
    Total: money(networks.reduce((sum, network) => sum + network.Total, 0)),
  };
}

async function billOf(context: Context, view: NetworkView, period: Period, from: number) {
  await context.world.sampler.sample(view.networkId);
  const members = view.members
    .filter(({ accountId, status }) => accountId === context.accountId && status !== "CREATE_FAILED")
    .map((member) => {
      const lines = billLines(meteredOf(context, view, member), period, context.world.settings.prices);
      return {
        MemberId: member.memberId,
        Name: member.name,
        Lines: lines.map((line) => ({
          Item: line.item,
          Of: line.of,
          InstanceType: line.instanceType ?? null,
          Quantity: Math.round(line.quantity * 1e9) / 1e9,
          Unit: line.unit,
          Price: line.price ?? null,
          Confidence: line.confidence ?? null,
          Amount: money(line.amount),
        })),
        Total: money(total(lines)),
      };
    });
  const sum = money(members.reduce((amount, member) => amount + member.Total, 0));
  return {
    NetworkId: view.networkId,
    Name: view.name,
    Edition: view.edition,
    From: iso(from),
    To: iso(period.to),
    Members: members,
    Total: sum,
  };
}

function meteredOf({ world }: Context, view: NetworkView, member: MemberView): MeteredMember {
  const { memberId } = member;
  const rows = [...world.rows.all("node").values()].filter(
    (row) => row.memberId === memberId && row.state !== "failed",
  );
  const known = new Set(rows.map(({ nodeId }) => nodeId));
  const adopted = world.observer
    .last(view.networkId)
    .filter((node) => node.kind === "peer" && node.memberId === memberId && !known.has(node.nodeId))
    .map((node) => adoptedRow(node, member, ""));
  return {
    memberId,
    edition: view.edition,
    from: member.createdAt,
    to: member.member?.leftAt ?? (member.status === "DELETED" ? member.createdAt : undefined),
    nodes: [...rows, ...adopted].map(({ nodeId, instanceType, createdAt, deletedAt }) => ({
      nodeId,
      instanceType,
      from: createdAt,
      to: deletedAt,
      storage: world.rows.get("storage", nodeId) ?? [],
    })),
    written: world.rows.get("written", memberId) ?? [],
  };
}

/** To a hundredth of a cent. */
const money = (usd: number) => Math.round(usd * 1e4) / 1e4;
