/** The rules of single request members. Source: the service model of API version 2018-09-24, and the developer guide. */
import { invalid, tooManyTags } from "../errors.js";
import { type Check, flag, isObject, list, oneOf, optional, struct, text, whole, wholeText } from "./schema.js";

export const MAX_TAGS = 50;
const MAX_ACTIONS = 100;

export const id = text({ min: 1, max: 32 });
export const token = text({ min: 1, max: 64 });
export const description = optional(text({ max: 128 }));
export const networkName = text({ min: 1, max: 64, pattern: /\S/, says: "must have a character that is not a space" });
export const memberName = text({
  min: 1,
  max: 64,
  pattern: /^(?![-0-9])(?!.*-$)(?!.*--)[a-zA-Z0-9-]+$/,
  says: "must be letters, digits and single dashes, begin with a letter and not end with a dash",
});
const adminUsername = text({
  min: 1,
  max: 16,
  pattern: /^[a-zA-Z][a-zA-Z0-9]*$/,
  says: "must be letters and digits and begin with a letter",
});
// The guide bans "%" too, the model does not; what real clients could send to the service is let through.
const adminPassword = text({
  min: 8,
  max: 32,
  pattern: /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?!.*[@'"\\/])\S*$/,
  says: "must have a lower-case letter, an upper-case letter and a digit, and none of @ ' \" \\ / or space",
});
const arn = text({
  min: 1,
  max: 1011,
  pattern: /^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+/,
  says: "must be an ARN (arn:aws:service:region:account:resource)",
});
export const resourceArn = arn;

const tagKey = text({ min: 1, max: 128 });
const tagValue = text({ max: 256 });

/** At most 50; a key that begins with "aws:" belongs to the service. */
export const tags: Check<Readonly<Record<string, string>>> = (value, name) => {
  if (!isObject(value)) throw invalid(`${name} must be an object of strings.`);
  const entries = Object.entries(value);
  if (entries.length > MAX_TAGS)
    throw tooManyTags(`${name} must have at most ${MAX_TAGS} tags; it has ${entries.length}.`);
  const result: Record<string, string> = Object.create(null);
  for (const [key, given] of entries) {
    tagKey(key, `${name} key`);
    if (/^aws:/i.test(key)) throw invalid(`${name}: the key "${key}" begins with "aws:", which is reserved.`);
    result[key] = tagValue(given, `${name}["${key}"]`);
  }
  return result;
};

export const tagKeys = list(tagKey, 200);

const cloudwatch = optional(struct({ Cloudwatch: optional(struct({ Enabled: optional(flag) })) }));
export const memberLogs = optional(struct({ Fabric: optional(struct({ CaLogs: cloudwatch })) }));
export const nodeLogs = optional(
  struct({ Fabric: optional(struct({ ChaincodeLogs: cloudwatch, PeerLogs: cloudwatch })) }),
);

export const memberConfiguration = struct({
  Name: memberName,
  Description: description,
  FrameworkConfiguration: struct({
    Fabric: struct({ AdminUsername: adminUsername, AdminPassword: adminPassword }),
  }),
  LogPublishingConfiguration: memberLogs,
  Tags: optional(tags),
  KmsKeyArn: optional(arn),
});
export type MemberConfiguration = ReturnType<typeof memberConfiguration>;

export const votingPolicy = struct({
  ApprovalThresholdPolicy: struct({
    ThresholdPercentage: optional(whole(0, 100)),
    ProposalDurationInHours: optional(whole(1, 168)),
    ThresholdComparator: optional(oneOf(["GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO"])),
  }),
});

export const edition = oneOf(["STARTER", "STANDARD"]);
export const stateDb = oneOf(["LevelDB", "CouchDB"]);

export const nodeConfiguration = struct({
  InstanceType: text({ min: 1, max: 64 }),
  AvailabilityZone: optional(text({ min: 1, max: 64 })),
  LogPublishingConfiguration: nodeLogs,
  StateDB: optional(stateDb),
});

export const actions = struct({
  Invitations: optional(
    list(
      struct({ Principal: text({ pattern: /^[0-9]{12}$/, says: "must be an AWS account id: 12 digits" }) }),
      MAX_ACTIONS,
    ),
  ),
  Removals: optional(list(struct({ MemberId: id }), MAX_ACTIONS)),
});

export const nextToken = optional(text({ max: 128 }));
export const maxResults = (max: number) => optional(wholeText(1, max));
