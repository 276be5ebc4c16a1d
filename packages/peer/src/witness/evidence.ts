/**
 * What a peer does when it is shown a fork: it keeps the two statements as a file of evidence, and takes no more from
 * that orderer until an operator moves the file to the folder `cleared`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Certificate } from "@hansa/crypto";
import { type EvidenceParts, formatEvidence } from "@hansa/journal/verify";
import { decodeSerializedIdentity } from "@hansa/msp";
import { type Bytes, type Clock, type Logger, messageOf } from "@hansa/primitives";
import { replaceFileDurably } from "@hansa/storage";
import { common, decode, encode, METADATA, splitBlock, toLong } from "@hansa/wire";

export type Alarm = {
  readonly channelId: string;
  /** "host:port" of the orderer, as the channel's configuration lists it. */
  readonly source: string;
  /** One sentence. */
  readonly what: string;
  /** The evidence. */
  readonly file: string;
};

export type EvidenceOptions = {
  readonly folder: string;
  /** This peer's name. */
  readonly by: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For metrics: called once for each alarm, also for those that an earlier run raised. */
  readonly onAlarm: (alarm: Alarm) => void;
};

export type Signed = { readonly identity: Bytes; readonly signature: Bytes };

const CHECK_MS = 2_000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export class Evidence {
  readonly #options: EvidenceOptions;
  readonly #alarms = new Map<string, Alarm>();
  /** Evidence that is still being written. */
  readonly #writing = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EvidenceOptions) {
    this.#options = options;
    for (const alarm of readAlarms(options.folder)) this.#raise(alarm);
  }

  get alarms(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  /** Whether blocks of a channel may be taken from an orderer. */
  trusts(channelId: string, source: string): boolean {
    return !this.alarms.some((alarm) => alarm.channelId === channelId && alarm.source === source);
  }

  /** Calls back when an alarm is raised or cleared. Returns how to end it. */
  follow(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Two digests with one tip; the first is the one that this peer stands by. */
  digests(
    channelId: string,
    source: string,
    what: string,
    ours: { readonly digest: Bytes; readonly signatures: readonly Signed[] },
    theirs: { readonly digest: Bytes; readonly signatures: readonly Signed[] },
  ): Promise<void> {
    const statement = ({ digest, signatures }: typeof ours) => ({ digest, signatures: signatures.map(signatureParts) });
    return this.#keep(channelId, source, what, {
      kind: "digests",
      statements: [statement(ours), statement(theirs)],
    });
  }

  /** Blocks of which the second does not follow the first, or has its number. Both are signed by orderers. */
  blocks(channelId: string, source: string, what: string, ours: Bytes, theirs: Bytes): Promise<void> {
    return this.#keep(channelId, source, what, { kind: "blocks", statements: [blockParts(ours), blockParts(theirs)] });
  }

  async #keep(
    channelId: string,
    source: string,
    what: string,
    statements:
      | Pick<Extract<EvidenceParts, { kind: "digests" }>, "kind" | "statements">
      | Pick<Extract<EvidenceParts, { kind: "blocks" }>, "kind" | "statements">,
  ): Promise<void> {
    const { folder, by, clock } = this.#options;
    const at = new Date(clock.now()).toISOString();
    const name = `${channelId}-${at.replaceAll(/[:.]/g, "-")}-${statements.kind}.json`;
    const alarm = { channelId, source, what, file: path.join(folder, name) };
    // First of all nothing more is taken; the file makes it last.
    this.#writing.add(alarm.file);
    this.#raise(alarm);
    const found = { by, at, source };
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      await replaceFileDurably(
        alarm.file,
        formatEvidence({ channel: channelId, found, intermediateCertificates: [], ...statements }),
      );
    } catch (error) {
      this.#options.logger.error("evidence of a fork cannot be kept", { file: alarm.file, reason: messageOf(error) });
      return;
    }
    this.#writing.delete(alarm.file);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref();
  }

  #raise(alarm: Alarm): void {
    const { logger, onAlarm } = this.#options;
    this.#alarms.set(alarm.file, alarm);
    const { channelId, source, what, file } = alarm;
    logger.error("an orderer has shown two histories", {
      channel: channelId,
      orderer: source,
      what,
      evidence: file,
      nextStep: "nothing more is taken from it; see docs/reference/witnesses.md",
    });
    onAlarm(alarm);
    if (existsSync(file)) this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref();
    for (const listener of [...this.#listeners]) listener();
  }

  /** Which alarms an operator has cleared. */
  #check(): void {
    const cleared = this.alarms.filter(({ file }) => !this.#writing.has(file) && !existsSync(file));
    for (const { channelId, source, file } of cleared) {
      this.#alarms.delete(file);
      this.#options.logger.warn("alarm cleared by an operator", {
        channel: channelId,
        orderer: source,
        evidence: file,
      });
    }
    if (this.#alarms.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (cleared.length > 0) for (const listener of [...this.#listeners]) listener();
  }
}

/** Alarms that files in the folder stand for. One that does not read counts for no orderer, but is told. */
function readAlarms(folder: string): Alarm[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const file = path.join(folder, name);
      try {
        const text = readFileSync(file, "utf8").slice(0, MAX_FILE_BYTES);
        const { channel, found } = JSON.parse(text) as { channel: string; found: { source: string } };
        return { channelId: channel, source: found.source, what: "kept from an earlier run", file };
      } catch (error) {
        return { channelId: "", source: "", what: `does not read: ${messageOf(error)}`, file };
      }
    });
}

function signatureParts({ identity, signature }: Signed) {
  const { idBytes } = decodeSerializedIdentity(identity);
  return { certificate: Certificate.parse(Buffer.from(idBytes).toString("utf8")).raw, signature };
}

function blockParts(block: Bytes) {
  const { header, metadata } = splitBlock(block);
  const signed = decode(common.Metadata, metadata[METADATA.SIGNATURES] ?? new Uint8Array(0), "common.Metadata");
  return {
    header: encode(common.BlockHeader, { ...header, number: toLong(header.number) }),
    signatures: encode(common.Metadata, { value: signed.value, signatures: signed.signatures.slice(0, 1) }),
  };
}
