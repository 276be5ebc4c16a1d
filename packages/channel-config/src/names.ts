/**
 * Names inside a channel configuration, and what they may look like.
 * Source: hyperledger/fabric, common/channelconfig and common/configtx/validator.go.
 */
import { ConfigError } from "./error.js";

export const CHANNEL = "Channel";
export const APPLICATION = "Application";
export const ORDERER = "Orderer";

export const ADMINS = "Admins";
export const READERS = "Readers";
export const WRITERS = "Writers";
export const ENDORSEMENT = "Endorsement";
export const LIFECYCLE_ENDORSEMENT = "LifecycleEndorsement";
export const BLOCK_VALIDATION = "BlockValidation";

/** Absolute paths of the policies that other parts ask for by name. */
export const PolicyPath = {
  CHANNEL_READERS: "/Channel/Readers",
  CHANNEL_WRITERS: "/Channel/Writers",
  CHANNEL_ADMINS: "/Channel/Admins",
  APPLICATION_READERS: "/Channel/Application/Readers",
  APPLICATION_WRITERS: "/Channel/Application/Writers",
  APPLICATION_ADMINS: "/Channel/Application/Admins",
  ENDORSEMENT: "/Channel/Application/Endorsement",
  LIFECYCLE_ENDORSEMENT: "/Channel/Application/LifecycleEndorsement",
  BLOCK_VALIDATION: "/Channel/Orderer/BlockValidation",
  ORDERER_ADMINS: "/Channel/Orderer/Admins",
} as const;

const MAX_NAME_LENGTH = 249;

/** @throws ConfigError when a channel may not have this name */
export function checkChannelId(channelId: string): void {
  if (channelId.length === 0) throw invalid("channel ID illegal, cannot be empty");
  if (Buffer.byteLength(channelId) > MAX_NAME_LENGTH) {
    throw invalid(`channel ID illegal, cannot be longer than ${MAX_NAME_LENGTH}`);
  }
  if (!/^[a-z][a-z0-9.-]*$/.test(channelId)) throw invalid(`'${channelId}' contains illegal characters`);
}

/** @throws ConfigError when a group, value or policy may not have this name */
export function checkElementName(name: string): void {
  if (name.length === 0) throw invalid("config ID illegal, cannot be empty");
  if (Buffer.byteLength(name) > MAX_NAME_LENGTH) {
    throw invalid(`config ID illegal, cannot be longer than ${MAX_NAME_LENGTH}`);
  }
  if (name === "." || name === "..") throw invalid(`name '${name}' for config ID is not allowed`);
  if (!/^[a-zA-Z0-9.-]+$/.test(name)) throw invalid(`config ID '${name}' contains illegal characters`);
}

/** @throws ConfigError when an element may not name this as the policy that guards it */
export function checkModPolicy(modPolicy: string): void {
  if (modPolicy === "") throw new ConfigError("UPDATE_REFUSED", "mod_policy not set");
  const path = modPolicy.startsWith("/") ? modPolicy.slice(1) : modPolicy;
  path.split("/").forEach((name, position) => {
    try {
      checkElementName(name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigError("UPDATE_REFUSED", `path element at ${position} is invalid: ${reason}`);
    }
  });
}

function invalid(message: string): ConfigError {
  return new ConfigError("INVALID_CONFIG", message);
}
