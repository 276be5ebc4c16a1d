/** CreateMember, GetMember, ListMembers, UpdateMember, DeleteMember. */
import { GovernanceRefusal } from "@hansa/governance";
import { endpoint } from "../arns.js";
import { exists, invalid, limit, notFound, notReady } from "../errors.js";
import type { Input } from "../input/inputs.js";
import type { MemberView, NetworkView } from "../model/network-view.js";
import { type MemberRow, put } from "../model/rows.js";
import type { OperatedNode } from "../operator.js";
import { type Answer, acted, type Context, freshId, iso } from "./context.js";
import { checkNetworkQuota, newMember } from "./networks.js";

/** What the service says of a member whose owner brought no key. */
export const OWN_KEY = "AWS_OWNED_KMS_KEY";

/** Answers with the id; the member's authority is made and the invitation accepted afterwards. */
export async function createMember(context: Context, input: Input<"CreateMember">): Promise<Answer> {
  const { world, accountId } = context;
  const { networkId, InvitationId: invitationId, MemberConfiguration: given } = input;
  const answer = await context.tokens.answer(
    { accountId, operation: "CreateMember", token: input.ClientRequestToken, input, networkId },
    {
      begin: () => {
        const view = context.readyNetwork(networkId);
        checkInvitation(context, view, invitationId);
        // Names that differ in nothing but case would be one name on a command line or a disk.
        const namesake = view.members.find(
          ({ name, status }) =>
            name.toLowerCase() === given.Name.toLowerCase() && status !== "DELETED" && status !== "CREATE_FAILED",
        );
        if (namesake !== undefined)
          throw exists(`Network ${networkId} has a member with the name ${namesake.name} already.`);
        const most = view.state?.rules.memberLimit ?? 0;
        if (most > 0 && view.seatsTaken >= most)
          throw limit(`Network ${networkId} has ${view.seatsTaken} members, and ${most} is the limit of its edition.`);
        checkNetworkQuota(context, view);
        const parts = [accountId, world.settings.region, "CreateMember", networkId, input.ClientRequestToken];
        const memberId = freshId("m", parts, (id) => view.member(id) !== undefined);
        const changes = newMember(context, { networkId, memberId, invitationId, createdAt: view.now }, given);
        return { answer: { MemberId: memberId }, changes };
      },
    },
  );
  context.work.makeMember(String(answer.MemberId));
  return answer;
}

export async function getMember(context: Context, input: Input<"GetMember">): Promise<Answer> {
  const view = context.network(input.networkId);
  const member = context.member(view, input.memberId);
  const { world } = context;
  const { settings } = world;
  const general = { NetworkId: view.networkId, ...summaryOf(context, member) };
  // What a member keeps from the others: its authority, its switches, its tags.
  if (member.accountId !== context.accountId) return { Member: { ...general, Tags: {} } };
  const isCa = ({ kind, memberId }: OperatedNode) => kind === "ca" && memberId === member.memberId;
  const ca = await world.observer.find(view.networkId, isCa);
  return {
    Member: {
      ...general,
      FrameworkAttributes: {
        Fabric: {
          AdminUsername: member.row?.adminUsername ?? "admin",
          CaEndpoint: ca && endpoint(ca, view.networkId, settings.region, settings.endpoints),
        },
      },
      LogPublishingConfiguration: { Fabric: { CaLogs: { Cloudwatch: { Enabled: member.row?.caLogs ?? false } } } },
      Tags: context.tagsOf(world.arn("members", member.memberId, member.accountId)),
      KmsKeyArn: member.row?.kmsKeyArn ?? OWN_KEY,
    },
  };
}

export async function listMembers(context: Context, input: Input<"ListMembers">): Promise<Answer> {
  const view = context.network(input.networkId);
  const { name, status, isOwned } = input;
  const members = view.members
    .map((member) => ({ ...summaryOf(context, member), IsOwned: member.accountId === context.accountId, member }))
    .filter((each) => name === undefined || each.Name === name)
    .filter((each) => status === undefined || each.Status === status)
    .filter((each) => isOwned === undefined || each.IsOwned === isOwned);
  const place = ({ member }: { member: MemberView }) => ({ at: member.createdAt, id: member.memberId });
  const filters = [view.networkId, name, status, isOwned];
  const { items, nextToken } = context.page("members", filters, members, place, input, 20);
  return { Members: items.map(({ member: _, ...summary }) => summary), NextToken: nextToken };
}

export async function updateMember(context: Context, input: Input<"UpdateMember">): Promise<Answer> {
  const view = context.network(input.networkId);
  const member = context.ownMember(view, input.memberId);
  const caLogs = input.LogPublishingConfiguration?.Fabric?.CaLogs?.Cloudwatch?.Enabled;
  if (member.status !== "AVAILABLE" && member.status !== "UPDATING")
    throw invalid(`Member ${member.memberId} is ${member.status} and cannot be updated.`);
  if (caLogs === undefined || caLogs === (member.row?.caLogs ?? false)) return {};
  await context.world.rows.write(put("member", member.memberId, { ...rowOf(member), caLogs }));
  context.work.setMemberLogs(member.memberId);
  return {};
}

/** Leaves the network; nobody votes on that. A member that could not be made is only taken off the list. */
export async function deleteMember(context: Context, input: Input<"DeleteMember">): Promise<Answer> {
  const view = context.network(input.networkId);
  const member = context.ownMember(view, input.memberId);
  const { memberId, status } = member;
  if (status === "CREATE_FAILED") {
    const row = put("member", memberId, { ...rowOf(member), state: "deleted" });
    // A network that could not be made has this member alone.
    const network =
      view.row?.state === "failed" ? [put("network", view.networkId, { ...view.row, state: "deleted" })] : [];
    await context.world.rows.write(row, ...network);
    return {};
  }
  const check = () => {
    const now = context.ownMember(context.network(input.networkId), memberId).status;
    if (now !== "AVAILABLE" && now !== "UPDATING") throw notReady(`Member ${memberId} is ${now}.`);
  };
  check();
  // Its nodes go with its last member, and nobody can be asked any more what was written.
  if (view.members.every((each) => each.memberId === memberId || each.status === "DELETED"))
    await context.world.sampler.sample(view.networkId);
  await acted(
    async () =>
      view.operated?.submit({ kind: "left", memberId }).catch((error: unknown) => {
        // A removal was decided in the same moment.
        if (error instanceof GovernanceRefusal && error.reason === "ILLEGAL_ACTION")
          throw notReady(`Member ${memberId} cannot leave: ${error.message}.`);
        throw error;
      }),
    { check },
  );
  return {};
}

function checkInvitation(context: Context, view: NetworkView, invitationId: string): void {
  const invitation = view.invitations.find((each) => each.invitationId === invitationId);
  if (invitation === undefined || invitation.accountId !== context.accountId)
    throw notFound(
      `Invitation ${invitationId} of network ${view.networkId} not found in account ${context.accountId}.`,
      context.world.arn("invitations", invitationId, context.accountId),
    );
  if (invitation.status !== "PENDING")
    throw invalid(`Invitation ${invitationId} is ${invitation.status}, not PENDING.`);
}

function summaryOf(context: Context, member: MemberView) {
  const { memberId, name, description, accountId, createdAt } = member;
  const isUpdating = member.status === "AVAILABLE" && context.work.isUpdating(memberId);
  return {
    Id: memberId,
    Name: name,
    Description: description ?? null,
    Status: isUpdating ? "UPDATING" : member.status,
    CreationDate: iso(createdAt),
    Arn: context.world.arn("members", memberId, accountId),
  };
}

/** Members of network files have no row until something about them is to be kept. */
function rowOf(member: MemberView): MemberRow {
  const { memberId, networkId, accountId, name, description, createdAt } = member;
  return (
    member.row ?? {
      memberId,
      networkId,
      accountId,
      name,
      description,
      caLogs: false,
      createdAt,
      // Long ago: only what is made through the API takes its time.
      createdWall: 0,
      state: "joined",
    }
  );
}
