/**
 * A channel's configuration in the hands of people: shown as JSON, edited, told in words, signed by the members that
 * are on this machine, passed on to those that are not, and sent.
 */
import { ChannelConfig, computeConfigUpdate, configOfBlock, previewUpdate } from "@hansa/channel-config";
import { configFromJson, configToJson } from "@hansa/channel-config/editing";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError, NO_BYTES } from "@hansa/primitives";
import { common, decode, encode, METADATA, type orderer, splitBlock, toBigInt, toLong, toNumber } from "@hansa/wire";
import { type JsonObject, toJson } from "@hansa/wire/json";
import { broadcast, type Target } from "../client/admin-client.js";
import { readBlock } from "../governance/ordered-channels.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { Layout } from "../plan/layout.js";
import type { Organization } from "../plan/plan.js";
import { type Reader, waitForConfig } from "./channel-update.js";
import { type ConfigDraft, envelopeFor, makeDraft, missingIn, signUpdate, updateIn } from "./config-draft.js";

/** An organisation whose administrator's key is on this machine. */
export type KeyHolder = { readonly name: string; readonly mspId: string; readonly admin: SigningIdentity };

/** The organisations whose administrators' keys are here; those of others sign elsewhere. */
export async function keyHoldersIn(layout: Layout, organizations: readonly Organization[]): Promise<KeyHolder[]> {
  const holders = organizations.map(async (organization): Promise<KeyHolder[]> => {
    const { name, mspId } = organization;
    try {
      return [{ name, mspId, admin: await readIdentity(mspId, userFiles(layout, organization, "Admin")) }];
    } catch (error) {
      if (error instanceof HansaError && error.code === "MISSING_IDENTITY") return [];
      throw error;
    }
  });
  return (await Promise.all(holders)).flat();
}

export type SettingsParts = {
  readonly channelId: string;
  readonly orderer: Target;
  /** Who reads the configuration. */
  readonly reader: SigningIdentity;
  readonly holders: readonly KeyHolder[];
  /** Peers that follow the channel, and who may ask them. */
  readonly followers: readonly Reader[];
};

/** Which block: a number, or "config" for the one with the configuration in force. */
export type BlockChoice = "newest" | "oldest" | "config" | number;

export class ChannelSettings {
  readonly #parts: SettingsParts;

  constructor(parts: SettingsParts) {
    this.#parts = parts;
  }

  get holders(): readonly KeyHolder[] {
    return this.#parts.holders;
  }

  /** Bytes of a common.Block. @throws HansaError UNKNOWN_CHANNEL, NODE_UNREACHABLE, TIMED_OUT, ORDERING_REFUSED */
  async block(choice: BlockChoice): Promise<Uint8Array> {
    if (choice !== "config") return this.#read(positionOf(choice));
    return this.#configBlockOf(await this.#read({ newest: {} }));
  }

  /** The configuration in force, or the one that was when this block was written. Throws as `block`. */
  async config(asOfBlock?: number): Promise<{ readonly config: common.Config; readonly blockNumber: number }> {
    const block = await this.#configBlockOf(await this.#read(positionOf(asOfBlock ?? "newest")));
    const { config } = configOfBlock(block).configEnvelope;
    return { config: config as common.Config, blockNumber: Number(splitBlock(block).header.number) };
  }

  /** As `configtxlator proto_decode --type common.Config` shows it. Throws as `block`. */
  async show(asOfBlock?: number): Promise<JsonObject> {
    return configToJson((await this.config(asOfBlock)).config);
  }

  /**
   * What becomes of an edited configuration.
   * @param json what `show` gave, edited
   * @throws JsonError naming the wrong place; ConfigError INVALID_CONFIG when nothing differs; HansaError STALE_CONFIG
   */
  async draft(json: unknown): Promise<ConfigDraft> {
    const { config } = await this.config();
    const edited = configFromJson(config, json);
    const [was, is] = [toBigInt(edited.sequence), toBigInt(config.sequence)];
    if (was !== is)
      throw new HansaError(
        "STALE_CONFIG",
        `The edited configuration is number ${was} of channel ${this.#parts.channelId}, and number ${is} is in force.`,
        { nextStep: "Begin anew with hansa config show; otherwise the change in between would be undone." },
      );
    const update = encode(common.ConfigUpdate, computeConfigUpdate(this.#parts.channelId, config, edited));
    return this.#draftOf(config, update, [], edited);
  }

  /**
   * An update as a file: in its envelope with the signatures so far, or bare.
   * @throws ConfigError UPDATE_REFUSED when it does not fit the configuration in force, MALFORMED or WireError
   */
  async open(file: Uint8Array): Promise<ConfigDraft> {
    const { configUpdate, signatures } = updateIn(file);
    const { config } = await this.config();
    return this.#draftOf(config, configUpdate, signatures, undefined);
  }

  #draftOf(
    config: common.Config,
    update: Uint8Array,
    signatures: readonly common.IConfigSignature[],
    edited: common.IConfig | undefined,
  ): Promise<ConfigDraft> {
    const { channelId } = this.#parts;
    return makeDraft({ channelId, config, update, signatures, edited, administrators: this.#administrators() });
  }

  /** Adds the signatures of these organisations' administrators. */
  sign(draft: ConfigDraft, holders: readonly KeyHolder[]): ConfigDraft {
    const signers = holders.map(({ admin }) => admin);
    return { ...draft, signatures: signUpdate(draft.update, draft.signatures, signers) };
  }

  /** Of those at hand, the ones whose signatures it takes; all of them where even those do not suffice. */
  signersFor(draft: ConfigDraft): readonly KeyHolder[] {
    const suffice = (chosen: readonly KeyHolder[]) => missingIn(this.sign(draft, chosen)).length === 0;
    let chosen = this.holders.filter(({ mspId }) => draft.current.mspIds().includes(mspId));
    if (!suffice(chosen)) return chosen;
    for (const holder of [...chosen].reverse()) {
      const fewer = chosen.filter((each) => each !== holder);
      if (suffice(fewer)) chosen = fewer;
    }
    return chosen;
  }

  /** The CONFIG_UPDATE envelope, as Fabric's tools and `open` read it. */
  envelope(draft: ConfigDraft, submitter: SigningIdentity): Uint8Array {
    return envelopeFor(this.#parts.channelId, draft.update, draft.signatures, submitter);
  }

  /**
   * Sends an update, and waits until the remaining members' peers follow it. Returns the sequence number of the
   * configuration now in force.
   * @throws HansaError ORDERING_REFUSED with Fabric's reason, NODE_UNREACHABLE, TIMED_OUT
   */
  async send(draft: ConfigDraft, submitter: SigningIdentity): Promise<number> {
    const { channelId, orderer, followers } = this.#parts;
    await broadcast(orderer, this.envelope(draft, submitter));
    const sequence = draft.current.sequence + 1n;
    const next = ChannelConfig.load(channelId, previewUpdate(draft.current, draft.update));
    await waitForConfig(channelId, followers, next.mspIds(), sequence);
    return Number(sequence);
  }

  #read(at: orderer.ISeekPosition): Promise<Uint8Array> {
    return readBlock(this.#parts.orderer, this.#parts.reader, this.#parts.channelId, at);
  }

  async #configBlockOf(block: Uint8Array): Promise<Uint8Array> {
    const { header, metadata } = splitBlock(block);
    const noted = decode(common.Metadata, metadata[METADATA.LAST_CONFIG] ?? NO_BYTES, "common.Metadata");
    const number = toNumber(decode(common.LastConfig, noted.value, "common.LastConfig").index);
    return Number(header.number) === number ? block : this.#read(positionOf(number));
  }

  #administrators(): Map<string, readonly number[]> {
    const known = new Map<string, readonly number[]>();
    for (const { mspId, admin } of this.holders)
      known.set(mspId, [...(known.get(mspId) ?? []), admin.certificate.notAfterMs]);
    return known;
  }
}

/** A block as `configtxlator proto_decode --type common.Block` shows it. @throws WireError */
export function blockToJson(block: Uint8Array): JsonObject {
  return toJson("common.Block", block);
}

function positionOf(choice: "newest" | "oldest" | number): orderer.ISeekPosition {
  if (choice === "newest") return { newest: {} };
  return choice === "oldest" ? { oldest: {} } : { specified: { number: toLong(choice) } };
}
