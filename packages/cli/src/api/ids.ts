import { HansaError } from "@hansa/primitives";

/** An id as it was typed, fit to stand in a path. @throws HansaError USAGE */
export function typedId(text: string, likeness: string): string {
  if (/^[A-Za-z0-9-]+$/.test(text)) return text;
  throw new HansaError("USAGE", `"${text}" is no id; expected for instance ${likeness}.`);
}
