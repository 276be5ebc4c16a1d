export { PlanError, type PlanFault } from "./error.js";
export {
  type EndorsementGroup,
  type EndorsementPlan,
  eligibleMembers,
  type Layout,
  type PlanMember,
  planEndorsement,
  planFor,
  type Requirement,
  requirementOf,
} from "./plan.js";
export type { ChannelView } from "./policies.js";
export { satisfyingSets } from "./principal-sets.js";
