import type { ExportFormat } from "@hansa/journal";
import { HansaError } from "@hansa/primitives";

export const FORMATS: Readonly<Record<string, ExportFormat>> = {
  ion: "ION_TEXT",
  "ion-binary": "ION_BINARY",
  json: "JSON",
};

/** @throws HansaError USAGE */
export function formatOf(word: string): ExportFormat {
  const format = FORMATS[word];
  if (format !== undefined) return format;
  throw new HansaError("USAGE", `There is no format "${word}".`, {
    nextStep: `Use one of: ${Object.keys(FORMATS).join(", ")}.`,
  });
}
