/** What the control socket takes to change a running network: messages in, calls of RunningNetwork out. */
import { HansaError } from "@hansa/primitives";
import type { Handlers } from "@hansa/transport";
import { decode, encode, hansa, type services } from "@hansa/wire";
import { DEFAULT_BATCH } from "../config/defaults.js";
import type { ChannelDefinition } from "../config/network-config.js";
import type { RunningNetwork } from "../membership/running-network.js";
import { failureStatus } from "./failure.js";

type Changes = Pick<
  Required<Handlers<typeof services.Control>>,
  "AddMember" | "RemoveMember" | "AddPeer" | "CreateChannel" | "Channels"
>;

export function changeHandlers(network: RunningNetwork): Changes {
  const done = async (work: Promise<void>) => {
    await work;
    return encode(hansa.control.Changed, {});
  };
  return answeringFailures({
    AddMember: (bytes) => {
      const {
        adminUsername: username,
        adminPassword: password,
        ...member
      } = decode(hansa.control.AddMemberRequest, bytes, "hansa.control.AddMemberRequest");
      const { name, mspId, domain, memberId, account, users } = member;
      required({ name, mspId, domain, memberId, account });
      const admin = username === "" ? {} : { admin: { username, password } };
      return done(network.addMember({ name, mspId, domain, memberId, account, users, ...admin }));
    },
    RemoveMember: (bytes) => {
      const { mspId } = decode(hansa.control.MemberRequest, bytes, "hansa.control.MemberRequest");
      required({ mspId });
      return done(network.removeMember(mspId, { wipe: true }));
    },
    AddPeer: (bytes) => {
      const { peer, extraHosts } = decode(hansa.control.AddPeerRequest, bytes, "hansa.control.AddPeerRequest");
      return done(network.addPeer({ ...peerOf(peer), extraHosts }));
    },
    CreateChannel: (bytes) => {
      const request = decode(hansa.control.CreateChannelRequest, bytes, "hansa.control.CreateChannelRequest");
      const { name, members, endorsement } = request;
      required({ name });
      if (endorsement !== "" && endorsement !== "majority" && endorsement !== "any")
        throw new HansaError("USAGE", `The endorsement is "${endorsement}"; expected majority or any.`);
      return done(
        network.createChannel({
          name,
          members,
          batch: batchOf(request),
          ...(endorsement === "" ? {} : { endorsement }),
        }),
      );
    },
    Channels: async () => {
      const channels = await network.channels();
      return encode(hansa.control.ChannelsResponse, {
        channels: channels.map(({ name, mspIds }) => ({ name, mspIds: [...mspIds] })),
      });
    },
  });
}

function answeringFailures(handlers: Changes): Changes {
  const wrapped = Object.entries(handlers).map(([name, handler]) => {
    const answering: typeof handler = async (request, context) => {
      try {
        return await handler(request, context);
      } catch (error) {
        throw failureStatus(error);
      }
    };
    return [name, answering];
  });
  return Object.fromEntries(wrapped) as Changes;
}

function peerOf(peer: hansa.control.IPeerRequest | null | undefined): { mspId: string; peerName: string } {
  const [mspId, peerName] = [peer?.mspId ?? "", peer?.peerName ?? ""];
  required({ mspId, peerName });
  return { mspId, peerName };
}

/** @throws HansaError USAGE naming what is missing */
function required(fields: Readonly<Record<string, string>>): void {
  for (const [field, value] of Object.entries(fields))
    if (value === "") throw new HansaError("USAGE", `The request says nothing about ${field}.`);
}

function batchOf(request: hansa.control.CreateChannelRequest): ChannelDefinition["batch"] {
  return {
    timeoutMs: request.batchTimeoutMs || DEFAULT_BATCH.timeoutMs,
    maxMessageCount: request.maxMessageCount || DEFAULT_BATCH.maxMessageCount,
    preferredMaxBytes: request.preferredMaxBytes || DEFAULT_BATCH.preferredMaxBytes,
    absoluteMaxBytes: request.absoluteMaxBytes || DEFAULT_BATCH.absoluteMaxBytes,
  };
}
