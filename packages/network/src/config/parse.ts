import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { type NetworkFile, networkShape } from "./file-shape.js";
import type { NetworkConfig } from "./network-config.js";
import { NetworkFileError, type Place, problemText } from "./problems.js";
import { resolveNetwork } from "./resolve.js";
import { check, type Problem } from "./shape.js";

/** A network file is small; refuse to work through anything that is not. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads and checks the text of a network file (YAML, or JSON, which is YAML).
 * `source` names the file in errors; relative paths in it are resolved by the caller-supplied `resolvePath`.
 * @throws NetworkFileError naming every problem with its line and column
 */
export function parseNetworkFile(
  text: string,
  source: string,
  resolvePath: (relative: string) => string = (relative) => relative,
): NetworkConfig {
  if (text.length > MAX_FILE_BYTES)
    throw new NetworkFileError([
      `${source}: the file has ${text.length} characters; expected at most ${MAX_FILE_BYTES}.`,
    ]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, merge: true });
  if (document.errors.length > 0) {
    throw new NetworkFileError(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `${source}:${line}:${col}: this is not YAML: ${error.message.replace(/\.$/, "")}.`;
      }),
    );
  }
  const value = readValue(() => document.toJS({ maxAliasCount: 100 }), source);
  const root = document.contents;
  const placeOf = (problem: Problem): Place => {
    const { line, col } = lines.linePos(offsetOf(root, problem));
    return { line, column: col };
  };
  return checkNetwork(value, source, placeOf, resolvePath);
}

/**
 * The same for a network given as an object.
 * @throws NetworkFileError
 */
export function parseNetworkObject(value: unknown, source = "the network"): NetworkConfig {
  return checkNetwork(
    value,
    source,
    () => undefined,
    (relative) => relative,
  );
}

function checkNetwork(
  value: unknown,
  source: string,
  placeOf: (problem: Problem) => Place | undefined,
  resolvePath: (relative: string) => string,
): NetworkConfig {
  const report = (problems: readonly Problem[]) => {
    if (problems.length > 0)
      throw new NetworkFileError(problems.map((problem) => problemText(source, problem, placeOf(problem))));
  };
  report(check(networkShape, value));
  const { config, problems } = resolveNetwork(value as NetworkFile, resolvePath);
  report(problems);
  return config;
}

function readValue(read: () => unknown, source: string): unknown {
  try {
    return read();
  } catch (error) {
    throw new NetworkFileError([`${source}: the file cannot be read as plain settings: ${(error as Error).message}.`]);
  }
}

/** Where in the text a problem stands: at its key or value, or at the nearest thing around it that exists. */
function offsetOf(root: Node | null, problem: Problem): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const [depth, part] of problem.path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) return offset;
      const key = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      const last = depth === problem.path.length - 1;
      const value = pair.value as Node | null;
      // A group starts at its first key, which reads badly for "is missing"; point at the name of the group instead.
      offset = (last && problem.atKey) || !isScalar(value) ? key : (value.range?.[0] ?? key);
      node = value;
    } else if (isSeq(node) && typeof part === "number") {
      const item = node.items[part] as Node | undefined;
      if (item === undefined) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
