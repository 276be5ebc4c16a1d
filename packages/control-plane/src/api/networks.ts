/** CreateNetwork, GetNetwork, ListNetworks. */
import type { VotingPolicy } from "@hansa/governance";
import { endpoint, vpcServiceName } from "../arns.js";
import { invalid, limit } from "../errors.js";
import type { Input } from "../input/inputs.js";
import type { MemberConfiguration } from "../input/members.js";
import type { NetworkView } from "../model/network-view.js";
import { type MemberRow, type NetworkRow, put } from "../model/rows.js";
import { FRAMEWORK_VERSIONS, MEMBERS_PER_NETWORK, NETWORKS_PER_ACCOUNT } from "../quotas.js";
import { type Answer, type Context, freshId, iso } from "./context.js";

const FRAMEWORK = "HYPERLEDGER_FABRIC";

/** Answers with the ids; the network is made afterwards. */
export async function createNetwork(context: Context, input: Input<"CreateNetwork">): Promise<Answer> {
  const { world, accountId } = context;
  const { settings } = world;
  const answer = await context.tokens.answer(
    { accountId, operation: "CreateNetwork", token: input.ClientRequestToken, input },
    {
      begin: () => {
        checkFramework(input);
        checkNetworkQuota(context);
        const parts = [accountId, settings.region, "CreateNetwork", input.ClientRequestToken];
        const networkId = freshId("n", parts, (id) => world.network(id) !== undefined);
        const memberId = freshId("m", [...parts, networkId], (id) => world.rows.get("member", id) !== undefined);
        const edition = input.FrameworkConfiguration?.Fabric?.Edition ?? "STARTER";
        const now = world.wall;
        const network: NetworkRow = {
          networkId,
          accountId,
          firstMemberId: memberId,
          name: input.Name,
          description: input.Description,
          frameworkVersion: input.FrameworkVersion,
          edition,
          policy: policyOf(input.VotingPolicy.ApprovalThresholdPolicy),
          memberLimit: context.quotasOn ? MEMBERS_PER_NETWORK[edition] : 0,
          simulatedClock: settings.simulatedClock,
          createdAt: now,
          createdWall: now,
          state: "creating",
        };
        const member = newMember(context, { networkId, memberId, createdAt: now }, input.MemberConfiguration);
        return {
          answer: { NetworkId: networkId, MemberId: memberId },
          changes: [
            put("network", networkId, network),
            ...member,
            ...context.newTags(world.arn("networks", networkId), input.Tags),
          ],
        };
      },
    },
  );
  context.work.makeNetwork(String(answer.NetworkId));
  return answer;
}

export async function getNetwork(context: Context, input: Input<"GetNetwork">): Promise<Answer> {
  const view = context.network(input.networkId);
  const { settings } = context.world;
  const { observer } = context.world;
  // Of several any will do, as long as it is up.
  const first = await observer.find(view.networkId, ({ kind }) => kind === "orderer");
  const isUp = first === undefined || first.state === "running";
  const orderer = isUp
    ? first
    : ((await observer.find(view.networkId, ({ kind, state }) => kind === "orderer" && state === "running")) ?? first);
  const resourceArn = context.world.arn("networks", view.networkId);
  return {
    Network: {
      ...networkSummary(context, view),
      FrameworkAttributes: {
        Fabric: {
          OrderingServiceEndpoint: orderer && endpoint(orderer, view.networkId, settings.region, settings.endpoints),
          Edition: view.edition,
        },
      },
      VpcEndpointServiceName: vpcServiceName(settings.region, view.networkId),
      VotingPolicy: view.policy && policyAnswer(view.policy),
      Tags: context.tagsOf(resourceArn),
    },
  };
}

export async function listNetworks(context: Context, input: Input<"ListNetworks">): Promise<Answer> {
  const { name, framework, status } = input;
  const views = context.world
    .networks()
    .filter((view) => view.isVisibleTo(context.accountId))
    .filter((view) => name === undefined || view.name === name)
    .filter(() => framework === undefined || framework === FRAMEWORK)
    .filter((view) => status === undefined || view.status === status);
  const place = (view: NetworkView) => ({ at: view.createdAt, id: view.networkId });
  const { items, nextToken } = context.page("networks", [name, framework, status], views, place, input, 10);
  return { Networks: items.map((view) => networkSummary(context, view)), NextToken: nextToken };
}

export function networkSummary({ world }: Context, view: NetworkView) {
  return {
    Id: view.networkId,
    Name: view.name,
    Description: view.description ?? null,
    Framework: FRAMEWORK,
    FrameworkVersion: view.frameworkVersion,
    Status: view.status,
    CreationDate: iso(view.createdAt),
    Arn: world.arn("networks", view.networkId),
  };
}

/** Where the request leaves something out: more than 50 %, 24 hours. */
export function policyOf(given: {
  readonly ThresholdPercentage?: number | undefined;
  readonly ProposalDurationInHours?: number | undefined;
  readonly ThresholdComparator?: VotingPolicy["comparator"] | undefined;
}): VotingPolicy {
  return {
    thresholdPercentage: given.ThresholdPercentage ?? 50,
    comparator: given.ThresholdComparator ?? "GREATER_THAN",
    proposalDurationHours: given.ProposalDurationInHours ?? 24,
  };
}

export function policyAnswer(policy: VotingPolicy) {
  return {
    ApprovalThresholdPolicy: {
      ThresholdPercentage: policy.thresholdPercentage,
      ProposalDurationInHours: policy.proposalDurationHours,
      ThresholdComparator: policy.comparator,
    },
  };
}

const ORDERING_NAME = "orderer";

/** The changes that bring a member under way; its password is put aside first. */
export function newMember(
  context: Context,
  ids: Pick<MemberRow, "networkId" | "memberId" | "createdAt" | "invitationId">,
  given: MemberConfiguration,
) {
  const { AdminUsername, AdminPassword } = given.FrameworkConfiguration.Fabric;
  if (given.Name.toLowerCase() === ORDERING_NAME)
    throw invalid(`MemberConfiguration.Name ${given.Name} is the name of the ordering organisation. Choose another.`);
  const row: MemberRow = {
    ...ids,
    accountId: context.accountId,
    name: given.Name,
    description: given.Description,
    adminUsername: AdminUsername,
    kmsKeyArn: given.KmsKeyArn,
    caLogs: given.LogPublishingConfiguration?.Fabric?.CaLogs?.Cloudwatch?.Enabled ?? false,
    createdWall: context.world.wall,
    state: "creating",
  };
  context.work.keepPassword(ids.memberId, AdminPassword);
  const resourceArn = context.world.arn("members", ids.memberId, context.accountId);
  return [put("member", ids.memberId, row), ...context.newTags(resourceArn, given.Tags)];
}

function checkFramework(input: Input<"CreateNetwork">): void {
  const { Framework, FrameworkVersion } = input;
  if (Framework !== FRAMEWORK) throw invalid(`Framework ${Framework} cannot be created; only ${FRAMEWORK} can.`);
  if (!FRAMEWORK_VERSIONS.some((version) => version === FrameworkVersion))
    throw invalid(`FrameworkVersion must be one of ${FRAMEWORK_VERSIONS.join(", ")}, not ${FrameworkVersion}.`);
  if (input.FrameworkConfiguration?.Fabric === undefined)
    throw invalid("FrameworkConfiguration.Fabric.Edition is required for HYPERLEDGER_FABRIC.");
}

/** Networks in which the account has members. */
export function checkNetworkQuota(context: Context, joining?: NetworkView): void {
  if (!context.quotasOn) return;
  const taken = context.world
    .networks()
    .filter((view) => view.status !== "CREATE_FAILED" && view.status !== "DELETED")
    .filter((view) => view.networkId !== joining?.networkId && view.membersOf(context.accountId).length > 0).length;
  if (taken >= NETWORKS_PER_ACCOUNT)
    throw limit(
      `Account ${context.accountId} has members in ${taken} networks, and ${NETWORKS_PER_ACCOUNT} is the limit.`,
    );
}
