import { LOG_LIMITS } from "./defaults.js";
import { policyProblem } from "./endorsement-policy.js";
import type { NetworkFile } from "./file-shape.js";
import type {
  ChannelDefinition,
  ContractConfig,
  GovernanceConfig,
  MemberConfig,
  NetworkConfig,
  OrdererConfig,
  OrderingConfig,
} from "./network-config.js";
import { canShareOrder, usualOrderers } from "./ordering.js";
import type { Problem } from "./shape.js";
import { durationMs, sizeBytes } from "./shape.js";
import { didYouMean } from "./suggest.js";

/** Fabric's own defaults. Source: hyperledger/fabric, sampleconfig/configtx.yaml. */
const BATCH = { timeout: "2s", maxMessages: 500, preferredSize: "2 MB", maxSize: "10 MB" } as const;

/** Fabric's own defaults. Source: hyperledger/fabric, sampleconfig/core.yaml (chaincode.executetimeout, startuptimeout). */
const CONTRACT_TIMEOUTS = { execute: "30s", start: "300s" } as const;

/** Fills in defaults and checks what one setting says about another. The value has passed the shape's check. */
export function resolveNetwork(
  file: NetworkFile,
  resolvePath: (relative: string) => string,
): { config: NetworkConfig; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const members = file.members.map(
    (member, index): MemberConfig => ({
      name: member.name,
      memberId: undefined,
      account: member.account ?? String(index + 1).padStart(12, "0"),
      domain: member.domain ?? `${member.name.toLowerCase()}.example.com`,
      mspId: member.mspId ?? `${member.name}MSP`,
      caPort: member.ca?.port,
      ...(member.ca?.admin === undefined
        ? {}
        : { caAdmin: { username: member.ca.admin.name, password: member.ca.admin.password } }),
      peers: (member.peers ?? [{}]).map((peer, position) => ({
        name: `peer${position}`,
        nodeId: undefined,
        port: peer.port,
      })),
      users: member.users ?? ["User1"],
    }),
  );
  const orderer: OrdererConfig = {
    domain: file.orderer?.domain ?? "example.com",
    mspId: file.orderer?.mspId ?? "OrdererMSP",
    port: file.orderer?.port,
    adminPort: file.orderer?.adminPort,
    caPort: file.orderer?.ca?.port,
  };
  const ordering = resolveOrdering(file.ordering ?? {}, resolvePath, problems);
  const memberNames = members.map((member) => member.name);
  const channels = (file.channels ?? []).map((channel, index): ChannelDefinition => {
    for (const [position, name] of (channel.members ?? []).entries())
      if (!memberNames.includes(name))
        problems.push(unknown(["channels", index, "members", position], name, memberNames));
    problems.push(
      ...repeated(
        (channel.members ?? []).map((name, position) => [name, ["channels", index, "members", position]] as Named),
      ),
    );
    const preferredSize = channel.batch?.preferredSize ?? BATCH.preferredSize;
    const maxSize = channel.batch?.maxSize ?? BATCH.maxSize;
    const [preferredMaxBytes, absoluteMaxBytes] = [sizeBytes(preferredSize)!, sizeBytes(maxSize)!];
    if (preferredMaxBytes > absoluteMaxBytes) {
      const key = channel.batch?.maxSize === undefined ? "preferredSize" : "maxSize";
      problems.push({
        path: ["channels", index, "batch", key],
        found: JSON.stringify(channel.batch?.[key]),
        expected:
          key === "maxSize"
            ? `at least the preferredSize, ${preferredSize}`
            : `at most the maxSize, which is ${maxSize}`,
      });
    }
    return {
      name: channel.name,
      members: channel.members ?? memberNames,
      batch: {
        timeoutMs: durationMs(channel.batch?.timeout ?? BATCH.timeout)!,
        maxMessageCount: channel.batch?.maxMessages ?? BATCH.maxMessages,
        preferredMaxBytes,
        absoluteMaxBytes,
      },
    };
  });
  const channelNames = channels.map((channel) => channel.name);
  const contracts = (file.contracts ?? []).map((contract, index): ContractConfig => {
    if (!channelNames.includes(contract.channel))
      problems.push(unknown(["contracts", index, "channel"], contract.channel, channelNames));
    const endorsement = contract.endorsement ?? "majority";
    const reason = policyProblem(endorsement, memberMspIds(members, channels, contract.channel));
    if (reason !== undefined)
      problems.push({
        path: ["contracts", index, "endorsement"],
        found: JSON.stringify(endorsement),
        expected: reason,
      });
    return {
      name: contract.name,
      channel: contract.channel,
      path: resolvePath(contract.path),
      version: contract.version ?? "1.0",
      endorsement,
      collections: contract.collections === undefined ? undefined : resolvePath(contract.collections),
      initRequired: contract.initRequired ?? false,
    };
  });
  problems.push(
    ...members.flatMap(({ name }, index): Problem[] =>
      name.toLowerCase() === "orderer"
        ? [
            {
              path: ["members", index, "name"],
              found: `"${name}"`,
              expected: "a name other than Orderer, which the ordering organisation has",
            },
          ]
        : [],
    ),
    ...repeated(
      members.map((member, index) => [member.name, ["members", index, "name"]]),
      (name) => name.toLowerCase(),
    ),
    ...repeated([
      [orderer.domain, ["orderer", "domain"]],
      ...members.map((member, index) => [member.domain, ["members", index, "domain"]] as Named),
    ]),
    ...repeated([
      [orderer.mspId, ["orderer", "mspId"]],
      ...members.map((member, index) => [member.mspId, ["members", index, "mspId"]] as Named),
    ]),
    ...repeated(channels.map((channel, index) => [channel.name, ["channels", index, "name"]])),
    ...repeated(contracts.map(({ name, channel }, index) => [`${name} on ${channel}`, ["contracts", index, "name"]])),
    ...repeated(fixedPorts(members, orderer)),
    ...members.flatMap((member, index) =>
      repeated(
        member.users.map((user, position) => [user, ["members", index, "users", position]]),
        (name) => name.toLowerCase(),
      ),
    ),
    ...members.flatMap((member, index) =>
      member.users.flatMap((user, position): Problem[] =>
        user.toLowerCase() === "admin"
          ? [
              {
                path: ["members", index, "users", position],
                found: `"${user}"`,
                expected: "a name other than Admin, who is always enrolled",
              },
            ]
          : [],
      ),
    ),
  );
  const governance = resolveGovernance(file.governance ?? {}, channelNames, problems);
  const config: NetworkConfig = {
    name: file.network,
    networkId: undefined,
    mode: file.mode ?? "processes",
    contractsRun: file.contractsRun ?? "process",
    operations: resolveOperations(file.operations ?? true),
    contractMemoryMb:
      file.contractMemory === undefined ? undefined : Math.ceil(sizeBytes(file.contractMemory)! / 2 ** 20),
    contractTimeouts: {
      executeMs: durationMs(file.contractTimeouts?.execute ?? CONTRACT_TIMEOUTS.execute)!,
      startMs: durationMs(file.contractTimeouts?.start ?? CONTRACT_TIMEOUTS.start)!,
    },
    batching: file.batching ?? "adaptive",
    logs:
      file.logs === undefined
        ? undefined
        : {
            maxBytes: file.logs.maxSize === undefined ? LOG_LIMITS.maxBytes : sizeBytes(file.logs.maxSize)!,
            kept: file.logs.keep ?? LOG_LIMITS.kept,
          },
    members,
    orderer,
    ordering,
    channels,
    contracts,
    channelEndorsement: "majority",
    governance,
  };
  return { config: freeze(config), problems };
}

function resolveOperations(setting: NonNullable<NetworkFile["operations"]>): NetworkConfig["operations"] {
  if (setting === false) return undefined;
  return setting === true || !setting.tls ? "http" : "https";
}

function resolveOrdering(
  section: NonNullable<NetworkFile["ordering"]>,
  resolvePath: (relative: string) => string,
  problems: Problem[],
): OrderingConfig {
  const { engine = "embedded", servers = [], replicas = 3, tls, credentials } = section;
  const orderers = section.orderers ?? usualOrderers(engine);
  const wrong = (key: string, found: unknown, expected: string) =>
    problems.push({ path: ["ordering", key], found: JSON.stringify(found), expected });
  if (!canShareOrder(engine, orderers))
    wrong("orderers", orderers, "1, or engine: jetstream, by which several orderers share the order");
  if (engine === "embedded") {
    for (const key of ["servers", "replicas", "tls", "credentials"] as const)
      if (section[key] !== undefined) wrong(key, section[key], "no such setting, or engine: jetstream");
  }
  if (![1, 3, 5].includes(replicas)) wrong("replicas", replicas, "1, 3 or 5");
  if (servers.length === 0)
    for (const key of ["tls", "credentials"] as const)
      if (section[key] !== undefined && engine === "jetstream") wrong(key, section[key], "servers beside it");
  if (servers.some((server) => server.startsWith("tls:")) && tls === undefined)
    wrong("tls", undefined, "the certificate of the servers that speak TLS");
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) wrong("tls", tls, "both cert and key, or neither");
  return {
    engine,
    orderers,
    replicas,
    servers,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ca: resolvePath(tls.ca),
            ...(tls.cert === undefined ? {} : { cert: resolvePath(tls.cert) }),
            ...(tls.key === undefined ? {} : { key: resolvePath(tls.key) }),
          },
        }),
    ...(credentials === undefined ? {} : { credentials: resolvePath(credentials) }),
  };
}

function resolveGovernance(
  section: NonNullable<NetworkFile["governance"]>,
  channelNames: readonly string[],
  problems: Problem[],
): GovernanceConfig {
  const { channels = "all" } = section;
  if (typeof channels !== "string")
    for (const [position, name] of channels.entries())
      if (!channelNames.includes(name))
        problems.push(unknown(["governance", "channels", position], name, channelNames));
  return {
    policy: {
      thresholdPercentage: section.threshold ?? 50,
      comparator: section.comparator ?? "GREATER_THAN",
      proposalDurationHours: section.proposalHours ?? 24,
    },
    rules: {
      electorate: section.electorate ?? "live",
      rejection: section.rejection ?? "unreachable",
      memberLimit: section.memberLimit ?? 0,
      simulatedClock: section.clock === "simulated",
    },
    channels: typeof channels === "string" ? { kind: channels } : { kind: "listed", names: [...channels] },
    edition: section.edition ?? "STANDARD",
  };
}

type Named = readonly [name: string | number, path: readonly (string | number)[]];

/** MSP ids of the members on a channel; of all members when the channel is not defined in the file. */
function memberMspIds(
  members: readonly MemberConfig[],
  channels: readonly ChannelDefinition[],
  name: string,
): string[] {
  const on = channels.find((channel) => channel.name === name)?.members;
  return members.filter((member) => on === undefined || on.includes(member.name)).map((member) => member.mspId);
}

function unknown(path: readonly (string | number)[], found: string, known: readonly string[]): Problem {
  const expected = known.length === 0 ? "a name that this file defines" : `one of ${known.join(", ")}`;
  return { path, found: JSON.stringify(found), expected: `${expected}.${didYouMean(found, known)}` };
}

/** Names that stand twice; `same` gives what two of them must not have in common. */
function repeated<Name extends string | number>(
  names: readonly (readonly [name: Name, path: Named[1]])[],
  same: (name: Name) => string | number = (name) => name,
): Problem[] {
  const seen = new Set<string | number>();
  return names.flatMap(([name, path]) => {
    if (!seen.has(same(name))) {
      seen.add(same(name));
      return [];
    }
    return [{ path, found: `${JSON.stringify(name)}, which is taken`, expected: "a value used once" }];
  });
}

function fixedPorts(members: readonly MemberConfig[], orderer: OrdererConfig): Named[] {
  const all: [number | undefined, readonly (string | number)[]][] = [
    [orderer.port, ["orderer", "port"]],
    [orderer.adminPort, ["orderer", "adminPort"]],
    [orderer.caPort, ["orderer", "ca", "port"]],
    ...members.flatMap((member, index): [number | undefined, readonly (string | number)[]][] => [
      [member.caPort, ["members", index, "ca", "port"]],
      ...member.peers.map((peer, position): [number | undefined, readonly (string | number)[]] => [
        peer.port,
        ["members", index, "peers", position, "port"],
      ]),
    ]),
  ];
  return all.flatMap(([port, path]) => (port === undefined ? [] : [[port, path] as Named]));
}

function freeze<T extends object>(value: T): T {
  for (const item of Object.values(value)) if (typeof item === "object" && item !== null) freeze(item);
  return Object.freeze(value);
}
