import type { ChannelSettings, ConfigDraft, KeyHolder } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";
import type { OptionDefinition } from "../options.js";
import { parseJson, readBytes } from "./files.js";

export const SIGN_BY: OptionDefinition = {
  type: "string",
  value: "members",
  about: "whose administrators sign, with commas between them; those on this machine that it takes unless given",
};

/** An edited configuration as JSON, or an update that was written to a file. */
export async function openUpdate(call: Call, settings: ChannelSettings, file: string): Promise<ConfigDraft> {
  const bytes = await readBytes(call, file);
  return /^\s*\{/.test(bytes.subarray(0, 200).toString("latin1"))
    ? settings.draft(parseJson(file, bytes.toString("utf8")))
    : settings.open(bytes);
}

/** The administrators that are to sign. @throws HansaError UNKNOWN_MEMBER */
export function keyHolders(call: Call, settings: ChannelSettings, draft: ConfigDraft): readonly KeyHolder[] {
  const wanted = call.options.text("sign-by");
  if (wanted === undefined) return settings.signersFor(draft);
  return wanted
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => {
      const found = settings.holders.find((each) => each.name.toLowerCase() === name.toLowerCase());
      if (found !== undefined) return found;
      const names = settings.holders.map((each) => each.name);
      throw new HansaError("UNKNOWN_MEMBER", `No administrator of "${name}" is on this machine.`, {
        nextStep: `There are those of ${names.join(", ")}.`,
      });
    });
}
