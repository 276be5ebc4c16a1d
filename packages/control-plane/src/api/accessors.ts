/** CreateAccessor, GetAccessor, ListAccessors, DeleteAccessor: billing tokens of public networks. Hansa runs no public
 * network, so a token here opens nothing; programs that keep accounts of their tokens work all the same. */
import { systemRandom } from "@hansa/primitives";
import { invalid, limit, notFound } from "../errors.js";
import type { Input } from "../input/inputs.js";
import { type AccessorRow, put } from "../model/rows.js";
import { ACCESSORS_PER_ACCOUNT } from "../quotas.js";
import { type Answer, type Context, iso } from "./context.js";

const TOKEN_CHARACTERS = 42;
/** Open connections live on for this long after the deletion. */
const PENDING_DELETION_MS = 2 * 60 * 60 * 1000;

const CLOSED = new Set(["ETHEREUM_GOERLI", "ETHEREUM_MAINNET_AND_GOERLI", "POLYGON_MUMBAI"]);

export async function createAccessor(context: Context, input: Input<"CreateAccessor">): Promise<Answer> {
  const { world, accountId } = context;
  const { rows } = world;
  const networkType = input.NetworkType ?? "ETHEREUM_MAINNET";
  return context.tokens.answer(
    { accountId, operation: "CreateAccessor", token: input.ClientRequestToken, input },
    {
      begin: () => {
        if (CLOSED.has(networkType)) throw invalid(`NetworkType ${networkType} takes no new accessors.`);
        const open = [...rows.all("accessor").values()].filter(
          (row) => row.accountId === accountId && statusOf(context, row) !== "DELETED",
        );
        if (open.length >= ACCESSORS_PER_ACCOUNT)
          throw limit(`Account ${accountId} has ${open.length} accessors, which is the limit.`);
        const row: AccessorRow = {
          accessorId: draw(26, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
          accountId,
          networkType,
          billingToken: draw(TOKEN_CHARACTERS, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
          createdAt: world.wall,
        };
        return {
          answer: { AccessorId: row.accessorId, BillingToken: row.billingToken, NetworkType: networkType },
          changes: [
            put("accessor", row.accessorId, row),
            ...context.newTags(world.arn("accessors", row.accessorId, accountId), input.Tags),
          ],
        };
      },
    },
  );
}

export async function getAccessor(context: Context, input: Input<"GetAccessor">): Promise<Answer> {
  const row = findAccessor(context, input.AccessorId);
  const { accessorId, accountId, billingToken } = row;
  const tags = context.tagsOf(context.world.arn("accessors", accessorId, accountId));
  return { Accessor: { ...summaryOf(context, row), BillingToken: billingToken, Tags: tags } };
}

export async function listAccessors(context: Context, input: Input<"ListAccessors">): Promise<Answer> {
  const rows = [...context.world.rows.all("accessor").values()]
    .filter((row) => row.accountId === context.accountId && statusOf(context, row) !== "DELETED")
    .filter(({ networkType }) => input.networkType === undefined || networkType === input.networkType);
  const place = (row: AccessorRow) => ({ at: row.createdAt, id: row.accessorId });
  const { items, nextToken } = context.page("accessors", [input.networkType], rows, place, input, 50);
  return { Accessors: items.map((row) => summaryOf(context, row)), NextToken: nextToken };
}

export async function deleteAccessor(context: Context, input: Input<"DeleteAccessor">): Promise<Answer> {
  const row = findAccessor(context, input.AccessorId);
  if (row.deletedAt === undefined)
    await context.world.rows.write(put("accessor", row.accessorId, { ...row, deletedAt: context.world.wall }));
  return {};
}

export function findAccessor(context: Context, accessorId: string): AccessorRow {
  const row = context.world.rows.get("accessor", accessorId);
  if (row !== undefined && row.accountId === context.accountId && statusOf(context, row) !== "DELETED") return row;
  throw notFound(`Accessor ${accessorId} not found.`, context.world.arn("accessors", accessorId, context.accountId));
}

function statusOf(context: Context, { deletedAt }: AccessorRow): "AVAILABLE" | "PENDING_DELETION" | "DELETED" {
  if (deletedAt === undefined) return "AVAILABLE";
  return context.world.wall < deletedAt + PENDING_DELETION_MS ? "PENDING_DELETION" : "DELETED";
}

function summaryOf(context: Context, row: AccessorRow) {
  return {
    Id: row.accessorId,
    Type: "BILLING_TOKEN",
    Status: statusOf(context, row),
    CreationDate: iso(row.createdAt),
    Arn: context.world.arn("accessors", row.accessorId, row.accountId),
    NetworkType: row.networkType,
  };
}

/** Both alphabets have a power of two as their length, so each character is as likely as any other. */
function draw(length: number, alphabet: string): string {
  return Array.from(systemRandom.bytes(length), (byte) => alphabet[byte % alphabet.length]).join("");
}
