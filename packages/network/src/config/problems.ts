import { HansaError } from "@hansa/primitives";
import type { Problem } from "./shape.js";

/** Where a place in a network file stands: 1-based line and column. */
export type Place = { readonly line: number; readonly column: number };

/** One mistake can stand in many places; a screen of them is enough to see it. */
const MOST_SHOWN = 20;

/** What is wrong with a network file: every problem, each with its place. */
export class NetworkFileError extends HansaError {
  override readonly name = "NetworkFileError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const more = problems.length - MOST_SHOWN;
    const shown = more > 0 ? [...problems.slice(0, MOST_SHOWN), `… and ${more} more problems.`] : problems;
    super("NETWORK_FILE", shown.join("\n"), {
      nextStep: "Correct the network file and run the command again.",
    });
    this.problems = problems;
  }
}

/** `members[1].mspId`, as a reader would point at it. */
export function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : `${text === "" ? "" : "."}${part}`;
  return text === "" ? "the file" : text;
}

/** `file:3:5: members[0].domain is "x"; expected y` */
export function problemText(source: string, problem: Problem, place: Place | undefined): string {
  const where = place === undefined ? source : `${source}:${place.line}:${place.column}`;
  const at = problem.atKey ? problem.path.slice(0, -1) : problem.path;
  const verb = problem.atKey ? "has" : "is";
  const end = problem.expected.endsWith("?") ? "" : ".";
  return `${where}: ${pathText(at)} ${verb} ${problem.found}; expected ${problem.expected}${end}`.replace(/\.\.$/, ".");
}
