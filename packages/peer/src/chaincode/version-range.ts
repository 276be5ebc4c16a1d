/**
 * npm's version ranges, as far as package.json files use them: exact, ^, ~, x-ranges, comparators, hyphens, ||.
 * Anything else (tags, URLs, files, git) satisfies nothing, so the caller falls back to npm itself.
 * Source: the grammar published with node-semver.
 */
type Version = readonly [major: number, minor: number, patch: number];
type Comparator = { readonly operator: "<" | "<=" | ">" | ">=" | "="; readonly version: Version };

const PARTIAL = /^[v=\s]*(\d+|[xX*])(?:\.(\d+|[xX*])(?:\.(\d+|[xX*])(?:\+[\w.-]+)?)?)?$/;

/** Whether a released version (no pre-release part) lies in the range. Malformed input lies in nothing. */
export function satisfies(version: string, range: string): boolean {
  const exact = /^(\d+)\.(\d+)\.(\d+)$/.exec(version);
  if (exact === null || range.length > 256) return false;
  const found: Version = [Number(exact[1]), Number(exact[2]), Number(exact[3])];
  return range.split("||").some((alternative) => {
    const comparators = parseComparators(alternative.trim());
    return comparators?.every((comparator) => holds(found, comparator)) ?? false;
  });
}

function parseComparators(text: string): Comparator[] | undefined {
  if (text === "" || text === "*" || text === "latest") return text === "latest" ? undefined : [];
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  if (hyphen !== null) return joined([bounds(">=", hyphen[1] ?? ""), bounds("<=", hyphen[2] ?? "")]);
  const terms = text.replace(/(\^|~>?|[<>]=?|=)\s+/g, "$1").split(/\s+/);
  return joined(
    terms.map((term) => {
      const match = /^(\^|~>?|[<>]=?|=)?(.*)$/.exec(term);
      return bounds(match?.[1] ?? "", match?.[2] ?? "");
    }),
  );
}

function joined(lists: (Comparator[] | undefined)[]): Comparator[] | undefined {
  const all: Comparator[] = [];
  for (const list of lists) {
    if (list === undefined) return undefined;
    all.push(...list);
  }
  return all;
}

function bounds(operator: string, text: string): Comparator[] | undefined {
  const match = PARTIAL.exec(text);
  if (match === null) return undefined;
  const [major, minor, patch] = [match[1], match[2], match[3]].map((part) =>
    part === undefined || /[xX*]/.test(part) ? undefined : Number(part),
  );
  if (major === undefined) return [];
  const lowest: Version = [major, minor ?? 0, minor === undefined ? 0 : (patch ?? 0)];
  const above = (version: Version): Comparator[] => [
    { operator: ">=", version: lowest },
    { operator: "<", version },
  ];
  const nextOfPartial: Version =
    minor === undefined ? [major + 1, 0, 0] : patch === undefined ? [major, minor + 1, 0] : [major, minor, patch + 1];
  switch (operator) {
    case "^":
      if (major > 0 || minor === undefined) return above([major + 1, 0, 0]);
      if (minor > 0 || patch === undefined) return above([0, minor + 1, 0]);
      return above([0, 0, patch + 1]);
    case "~":
    case "~>":
      return above(minor === undefined ? [major + 1, 0, 0] : [major, minor + 1, 0]);
    case ">=":
      return [{ operator: ">=", version: lowest }];
    case ">":
      return [{ operator: ">=", version: nextOfPartial }];
    case "<":
      return [{ operator: "<", version: lowest }];
    case "<=":
      return [{ operator: "<", version: nextOfPartial }];
    default:
      return above(nextOfPartial);
  }
}

function holds(found: Version, { operator, version }: Comparator): boolean {
  const order = found[0] - version[0] || found[1] - version[1] || found[2] - version[2];
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  if (operator === ">") return order > 0;
  if (operator === ">=") return order >= 0;
  return order === 0;
}
