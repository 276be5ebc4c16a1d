import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";

export const ROOTS_OPTION = {
  type: "string",
  value: "files",
  about: "root certificates to trust: PEM files or folders, separated by commas",
} as const;

export const ROOTS_DETAILS =
  "--roots takes PEM files and folders. Of a folder count the .pem files in it and those in every folder below it that\n" +
  "is called cacerts, which is where Fabric's tools keep an organisation's roots.";

/**
 * The PEM texts that --roots names; undefined without it.
 * @throws HansaError USAGE
 */
export function rootsOf(call: Call): string[] | undefined {
  const given = call.options.text("roots");
  if (given === undefined) return undefined;
  const files = given.split(",").flatMap((place) => pemFiles(path.resolve(call.io.cwd, place)));
  const texts = new Set(files.map((file) => readFileSync(file, "utf8")).filter((text) => text.includes("CERTIFICATE")));
  if (texts.size === 0)
    throw new HansaError("USAGE", `There is no certificate in ${given}.`, {
      nextStep: "Give --roots the members' root certificates, as files or as their MSP folders.",
    });
  return [...texts];
}

function pemFiles(place: string): string[] {
  if (!existsSync(place))
    throw new HansaError("USAGE", `There is no file or folder ${place}.`, {
      nextStep: "Give --roots the members' root certificates, as files or as their MSP folders.",
    });
  if (statSync(place).isFile()) return [place];
  return readdirSync(place, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pem"))
    .filter((name) => path.dirname(name) === "." || path.basename(path.dirname(name)) === "cacerts")
    .map((name) => path.join(place, name));
}
