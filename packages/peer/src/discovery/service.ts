/**
 * discovery.Discovery/Discover: what a client needs to know to transact on its own, without a gateway. Which members and
 * orderers a channel has, which peers are there and how far they are, and who can endorse what.
 *
 * A request is checked once and its queries are answered one by one: a query that may not be asked, or has no answer,
 * is answered with an error of its own.
 * Source: hyperledger/fabric, discovery/service.go; texts alike.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import { eligibleMembers, PlanError, planEndorsement } from "@hansa/endorsement/plan";
import type { MspManager } from "@hansa/msp";
import {
  equalBytes,
  type Logger,
  type MspId,
  messageOf,
  NO_BYTES,
  sha256,
  toHex,
  type UnixMs,
} from "@hansa/primitives";
import { type CallContext, GrpcStatus, RpcStatus } from "@hansa/transport";
import { decode, discovery, encode, type protos } from "@hansa/wire";
import type { Member } from "../membership/view.js";
import { DiscoveryAccess } from "./access.js";
import { configResult } from "./config-result.js";
import { interestText } from "./interest-text.js";
import { type Candidate, candidates, describe, peersByOrganization } from "./peers.js";

/** The service's view of a channel that this peer has joined. */
export type DiscoveryChannel = {
  readonly config: ChannelConfig;
  definition(chaincode: string): ChaincodeDefinition | undefined;
};

export type DiscoveryOptions = {
  readonly mspId: MspId;
  /** Holds the peer's own organisation and nothing else. */
  readonly localMsp: MspManager;
  readonly channel: (channelId: string) => DiscoveryChannel | undefined;
  readonly membership: {
    self(): Promise<Member>;
    members(): readonly Member[];
    membersOf(config: ChannelConfig): readonly Member[];
    /** Asks the other peers now. */
    refresh(): Promise<void>;
  };
  readonly orgMembersAllowedAccess: boolean;
  /** Whether clients must show a TLS certificate; their requests then carry its hash. */
  readonly mutualTls: boolean;
  readonly now: () => UnixMs;
  readonly logger: Logger;
};

type Result = discovery.QueryResult.$Properties;

const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_QUERIES = 100;
const MAX_INTERESTS = 100;
const MAX_CALLS = 100;
const MAX_KEY_POLICIES = 20;
const NOTHING_ASKED = "unknown or missing request type";

export class DiscoveryService {
  readonly #options: DiscoveryOptions;
  readonly #access: DiscoveryAccess;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#access = new DiscoveryAccess(options);
  }

  /** @throws RpcStatus UNKNOWN with Fabric's text for a request that is malformed or nobody's */
  readonly discover = async (bytes: Uint8Array, context: Pick<CallContext, "peerAddress" | "tlsClientCert">) => {
    const { logger } = this.#options;
    try {
      const { payload, signature, request } = this.#read(bytes, context.tlsClientCert);
      const identity = request.authentication?.clientIdentity ?? NO_BYTES;
      const results: Result[] = [];
      for (const query of request.queries) {
        const channelId = query.channel ?? "";
        const channel = this.#options.channel(channelId);
        const reason =
          channelId !== "" && channel === undefined
            ? `channel ${channelId} is not joined here`
            : this.#access.refusal(channel?.config, { identity, message: payload, signature });
        if (reason === undefined) results.push(await this.#answer(query, channel));
        else {
          logger.warn("discovery refused", { channel: channelId, from: context.peerAddress, reason });
          results.push(failed("access denied"));
        }
      }
      return encode(discovery.Response, { results });
    } catch (error) {
      if (!(error instanceof RpcStatus)) throw error;
      logger.warn("discovery request is malformed", { from: context.peerAddress, reason: error.message });
      throw error;
    }
  };

  #read(bytes: Uint8Array, tlsClientCert: Uint8Array | undefined) {
    if (bytes.length > MAX_REQUEST_BYTES)
      throw refused(`failed parsing request: it has over ${MAX_REQUEST_BYTES} bytes`);
    let signed: discovery.SignedRequest;
    let request: discovery.Request;
    try {
      signed = decode(discovery.SignedRequest, bytes, "discovery.SignedRequest");
      request = decode(discovery.Request, signed.payload, "discovery.Request");
    } catch (error) {
      throw refused(`failed parsing request: ${messageOf(error)}`);
    }
    const { authentication, queries } = request;
    if (!authentication) throw refused("access denied, no authentication info in request");
    if ((authentication.clientIdentity ?? NO_BYTES).length === 0)
      throw refused("access denied, client identity wasn't supplied");
    if (queries.length > MAX_QUERIES) throw refused(`failed parsing request: it has over ${MAX_QUERIES} queries`);
    this.#checkTls(authentication.clientTlsCertHash ?? NO_BYTES, tlsClientCert);
    return { payload: signed.payload, signature: signed.signature, request };
  }

  #checkTls(claimed: Uint8Array, certificate: Uint8Array | undefined): void {
    if (!this.#options.mutualTls) return;
    if (certificate === undefined) throw refused("client didn't send a TLS certificate");
    const computed = sha256(certificate);
    if (equalBytes(computed, claimed)) return;
    const facts = { claimed: toHex(claimed), computed: toHex(computed) };
    this.#options.logger.warn("client names another TLS certificate than it shows", facts);
    throw refused("client claimed TLS hash doesn't match computed TLS hash from gRPC stream");
  }

  async #answer(query: discovery.IQuery, channel: DiscoveryChannel | undefined): Promise<Result> {
    if (channel === undefined) return query.localPeers ? this.#localPeers() : failed(NOTHING_ASKED);
    if (query.ccQuery) return this.#chaincodes(channel, query.ccQuery.interests ?? []);
    if (query.configQuery) return { configResult: configResult(channel.config) };
    if (query.peerQuery) return this.#peers(channel, query.peerQuery.filter ?? {});
    return failed(NOTHING_ASKED);
  }

  async #localPeers(): Promise<Result> {
    const { membership } = this.#options;
    await membership.refresh();
    const members = [await membership.self(), ...membership.members()];
    return { members: { peersByOrg: peersByOrganization(members, (member) => describe(member, undefined)) } };
  }

  async #peers(channel: DiscoveryChannel, filter: protos.IChaincodeInterest): Promise<Result> {
    const { channelId } = channel.config;
    try {
      const eligible = eligibleMembers(channel, filter, await this.#found(channel));
      return { members: { peersByOrg: peersByOrganization(eligible, ({ member }) => describe(member, channelId)) } };
    } catch (error) {
      if (error instanceof PlanError) return failed(error.message);
      throw error;
    }
  }

  async #chaincodes(channel: DiscoveryChannel, interests: readonly protos.IChaincodeInterest[]): Promise<Result> {
    const flaw = flawOf(interests);
    if (flaw !== undefined) return failed(flaw);
    const content: discovery.IEndorsementDescriptor[] = [];
    for (const interest of interests) {
      try {
        content.push(await this.#descriptor(channel, interest));
      } catch (error) {
        if (!(error instanceof PlanError)) throw error;
        const asked = interestText(interest);
        const fields = { channel: channel.config.channelId, interest: asked, reason: error.message };
        this.#options.logger.warn("no endorsement descriptor", fields);
        return failed(`failed constructing descriptor for ${asked}`);
      }
    }
    return { ccQueryRes: { content } };
  }

  async #descriptor(
    channel: DiscoveryChannel,
    interest: protos.IChaincodeInterest,
  ): Promise<discovery.IEndorsementDescriptor> {
    const { chaincode, groups, layouts } = planEndorsement(channel, interest, await this.#found(channel));
    const { channelId } = channel.config;
    return {
      chaincode,
      endorsersByGroups: Object.fromEntries(
        groups.map(({ id, peers }) => [id, { peers: peers.map(({ member }) => describe(member, channelId)) }]),
      ),
      layouts: layouts.map((layout) => ({ quantitiesByGroup: Object.fromEntries(layout) })),
    };
  }

  /** Clients go by the answer for minutes, so it must not miss a peer that has joined, or a chaincode come, just now. */
  async #found(channel: DiscoveryChannel): Promise<Candidate[]> {
    const { membership, now } = this.#options;
    await membership.refresh();
    const members = [await membership.self(), ...membership.membersOf(channel.config)];
    return candidates(channel.config, members, now());
  }
}

function flawOf(interests: readonly protos.IChaincodeInterest[]): string | undefined {
  if (interests.length === 0) return "chaincode query must have at least one chaincode interest";
  if (interests.length > MAX_INTERESTS) return `chaincode query must have at most ${MAX_INTERESTS} chaincode interests`;
  for (const { chaincodes } of interests) {
    const calls = chaincodes ?? [];
    if (calls.length === 0) return "chaincode interest must contain at least one chaincode";
    if (calls.length > MAX_CALLS) return `chaincode interest must contain at most ${MAX_CALLS} chaincodes`;
    if (calls.some(({ name }) => !name)) return "chaincode name in interest cannot be empty";
    const keyPolicies = calls.reduce((count, call) => count + (call.keyPolicies ?? []).length, 0);
    if (keyPolicies > MAX_KEY_POLICIES)
      return `chaincode interest must contain at most ${MAX_KEY_POLICIES} key policies`;
  }
  return undefined;
}

function failed(content: string): Result {
  return { error: { content } };
}

/** Go sends errors that name no code as UNKNOWN, and clients match on the text. */
function refused(message: string): RpcStatus {
  return new RpcStatus(GrpcStatus.UNKNOWN, message);
}
