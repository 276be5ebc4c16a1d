/**
 * TagResource, UntagResource, ListTagsForResource. Tags belong to the account that sets them and no other sees them;
 * those given with a proposal are shared by the network's members, and its invitations inherit them.
 */
import { type Resource, readArn } from "../arns.js";
import { invalid, notFound, tooManyTags } from "../errors.js";
import type { Input } from "../input/inputs.js";
import { MAX_TAGS } from "../input/members.js";
import { put } from "../model/rows.js";
import { findAccessor } from "./accessors.js";
import type { Answer, Context } from "./context.js";
import { findInvitation } from "./proposals.js";

type Tags = Readonly<Record<string, string>>;
const NO_TAGS: Tags = {};

export async function tagResource(context: Context, input: Input<"TagResource">): Promise<Answer> {
  const { resourceArn } = input;
  const shared = await sharedTagsOf(context, resourceArn);
  const reserved = Object.keys(input.Tags).find((key) => key.startsWith("hansa:"));
  if (reserved !== undefined) throw invalid(`Tag ${reserved} means something only when a proposal is created.`);
  const { rows } = context.world;
  const key = `${context.accountId} ${resourceArn}`;
  const before = rows.get("tags", key) ?? {};
  const after = { ...before, ...input.Tags };
  const shown = Object.values({ ...shared, ...after }).filter((value) => value !== null).length;
  if (shown > MAX_TAGS)
    throw tooManyTags(`${resourceArn} would have ${shown} tags, and ${MAX_TAGS} is the limit.`, resourceArn);
  if (Object.keys(input.Tags).length > 0) await rows.write(put("tags", key, after));
  return {};
}

/** Keys that are not there are no error. A shared tag goes from this account's sight only. */
export async function untagResource(context: Context, input: Input<"UntagResource">): Promise<Answer> {
  const { resourceArn, tagKeys } = input;
  const shared = await sharedTagsOf(context, resourceArn);
  const { rows } = context.world;
  const key = `${context.accountId} ${resourceArn}`;
  const after: Record<string, string | null> = { ...rows.get("tags", key) };
  for (const name of tagKeys) {
    if (Object.hasOwn(shared, name)) after[name] = null;
    else delete after[name];
  }
  if (tagKeys.length > 0) await rows.write(put("tags", key, after));
  return {};
}

export async function listTagsForResource(context: Context, input: Input<"ListTagsForResource">): Promise<Answer> {
  const shared = await sharedTagsOf(context, input.resourceArn);
  return { Tags: context.tagsOf(input.resourceArn, shared) };
}

/** @throws ApiError when the account has no such resource */
async function sharedTagsOf(context: Context, resourceArn: string): Promise<Tags> {
  const { region } = context.world.settings;
  const resource = readArn(resourceArn, region);
  const missing = () => notFound(`Resource ${resourceArn} not found.`, resourceArn);
  if (resource === undefined) {
    if (!resourceArn.startsWith(`arn:aws:managedblockchain:${region}:`))
      throw invalid(`${resourceArn} is not the ARN of a managedblockchain resource in ${region}.`);
    throw missing();
  }
  const found = await find(context, resource);
  if (found === undefined) throw missing();
  return found;
}

async function find(context: Context, { kind, id, accountId }: Resource): Promise<Tags | undefined> {
  if (accountId !== "" && accountId !== context.accountId) return undefined;
  const { world } = context;
  switch (kind) {
    case "networks":
      return world.network(id)?.isVisibleTo(context.accountId) ? NO_TAGS : undefined;
    case "members": {
      const views = world.networks().filter((view) => view.isVisibleTo(context.accountId));
      return views.some((view) => view.membersOf(context.accountId).some(({ memberId }) => memberId === id))
        ? NO_TAGS
        : undefined;
    }
    case "nodes":
      return (await hasNode(context, id)) ? NO_TAGS : undefined;
    case "proposals": {
      const views = world.networks().filter((view) => view.isVisibleTo(context.accountId));
      return views.map((view) => view.state?.proposals.get(id)?.tags).find((tags) => tags !== undefined);
    }
    case "invitations": {
      const found = findInvitation(context, id);
      if (found === undefined || found.invitation.accountId !== context.accountId) return undefined;
      return found.view.state?.proposals.get(found.invitation.proposalId)?.tags ?? NO_TAGS;
    }
    case "accessors":
      return findAccessor(context, id) && NO_TAGS;
  }
}

async function hasNode(context: Context, nodeId: string): Promise<boolean> {
  const { world, accountId } = context;
  const row = world.rows.get("node", nodeId);
  const networks = world.networks().filter((view) => view.isVisibleTo(accountId));
  const isMine = (memberId: string | undefined) =>
    networks.some((view) => view.membersOf(accountId).some((member) => member.memberId === memberId));
  if (row !== undefined) return row.state !== "deleted" && row.accountId === accountId && isMine(row.memberId);
  for (const { networkId } of networks) {
    const node = await world.observer.find(networkId, (each) => each.nodeId === nodeId);
    if (node !== undefined) return node.kind === "peer" && isMine(node.memberId);
  }
  return false;
}
