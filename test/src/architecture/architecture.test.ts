/**
 * The shape of the code, checked: which package may lean on which, where the outside world may be touched,
 * and that no circle forms.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { repositoryRoot } from "../support/paths.js";

/** Bottom to top. Within one row, a name may lean on the names to its left, except among the roles of layer 5. */
const ROWS: readonly (readonly string[])[] = [
  ["primitives", "wire"],
  ["crypto", "journal"],
  ["msp", "ledger", "governance"],
  ["channel-config", "endorsement", "ordering"],
  ["storage", "transport", "operations"],
  ["orderer", "peer", "gateway", "ca", "control-plane"],
  ["network", "simulation"],
  ["cli", "console"],
];
const ROLE_LAYER = 5;
/** Modules of Node that compute and touch nothing outside the process. */
const PURE_NODE_MODULES = new Set(["node:buffer", "node:crypto", "node:util", "node:zlib", "node:assert"]);
const FIRST_LAYER_WITH_IO = 4;
const GRPC_PACKAGES = ["@grpc/grpc-js", "@grpc/proto-loader"];
/** A client's connection is what these two hand to the Fabric Gateway SDK, which takes a grpc-js client. */
const MAY_HOLD_A_GRPC_CLIENT = new Set(["transport", "network", "cli"]);

type SourceFile = { packageName: string; file: string; imports: readonly string[] };

const packagesDir = path.join(repositoryRoot, "packages");
const packageNames = readdirSync(packagesDir).filter((name) =>
  existsSync(path.join(packagesDir, name, "package.json")),
);

function manifest(name: string): { name: string; layer: number; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(path.join(packagesDir, name, "package.json"), "utf8"));
}

function importsOf(source: string): string[] {
  const statements = source.matchAll(
    /^\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...statements].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function sourcesOf(packageName: string): SourceFile[] {
  const dir = path.join(packagesDir, packageName, "src");
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => {
      const full = path.join(dir, file);
      return { packageName, file: full, imports: importsOf(readFileSync(full, "utf8")) };
    });
}

const isTest = (source: SourceFile) => source.file.endsWith(".test.ts") || source.file.includes("/testing/");
const sources = packageNames.flatMap(sourcesOf);
const shipped = sources.filter((source) => !isTest(source));
const relative = (file: string) => path.relative(repositoryRoot, file);

function rank(name: string): { layer: number; column: number } {
  const layer = ROWS.findIndex((row) => row.includes(name));
  assert.notEqual(layer, -1, `package "${name}" has no place in the rows`);
  return { layer, column: ROWS[layer]!.indexOf(name) };
}

function mayImport(from: string, to: string): boolean {
  const [a, b] = [rank(from), rank(to)];
  if (b.layer !== a.layer) return b.layer < a.layer;
  return a.layer !== ROLE_LAYER && b.column < a.column;
}

/** The first circle found, as a list of nodes, or undefined. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, trail: string[]): string[] | undefined => {
    const at = trail.indexOf(node);
    if (at >= 0) return [...trail.slice(at), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next, [...trail, node]);
      if (cycle) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node, []);
    if (cycle) return cycle;
  }
  return undefined;
}

describe("architecture", () => {
  it("gives every package its layer", () => {
    for (const name of packageNames) assert.equal(manifest(name).layer, rank(name).layer, `layer of ${name}`);
  });

  it("lets a package lean only on what is below it", () => {
    const wrong = sources.flatMap(({ packageName, file, imports }) =>
      imports
        .filter((specifier) => specifier.startsWith("@hansa/"))
        .map((specifier) => specifier.split("/")[1] ?? "")
        .filter((to) => to !== packageName && !mayImport(packageName, to))
        .map((to) => `${relative(file)} imports ${to}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("declares what it imports", () => {
    const wrong = shipped.flatMap(({ packageName, file, imports }) => {
      const declared = manifest(packageName) as { dependencies?: object; devDependencies?: object };
      const known = { ...declared.dependencies, ...declared.devDependencies };
      return imports
        .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
        .map((specifier) =>
          specifier
            .split("/")
            .slice(0, specifier.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((dependency) => !(dependency in known))
        .map((dependency) => `${relative(file)} imports ${dependency}`);
    });
    assert.deepEqual(wrong, []);
  });

  it("keeps the rules away from the outside world", () => {
    const wrong = shipped
      .filter(({ packageName }) => rank(packageName).layer < FIRST_LAYER_WITH_IO)
      .flatMap(({ file, imports }) =>
        imports
          .filter((specifier) => specifier.startsWith("node:") && !PURE_NODE_MODULES.has(specifier))
          .map((specifier) => `${relative(file)} imports ${specifier}`),
      );
    assert.deepEqual(wrong, []);
  });

  it("lets the rules read no clock, no chance and no environment by themselves", () => {
    const forbidden = /\bDate\.now\(|\bMath\.random\(|\bprocess\.env\b|\bnew Date\(\)/;
    const wrong = shipped
      .filter(({ packageName }) => rank(packageName).layer < FIRST_LAYER_WITH_IO)
      .filter(({ file }) => !file.endsWith("primitives/src/environment.ts"))
      .filter(({ file }) => forbidden.test(readFileSync(file, "utf8").replace(/^\s*(\*|\/\/).*$/gm, "")))
      .map(({ file }) => relative(file));
    assert.deepEqual(wrong, []);
  });

  it("speaks gRPC through transport alone", () => {
    const wrong = shipped
      .filter(({ packageName }) => !MAY_HOLD_A_GRPC_CLIENT.has(packageName))
      .filter(({ imports }) => imports.some((specifier) => GRPC_PACKAGES.includes(specifier)))
      .map(({ file }) => relative(file));
    assert.deepEqual(wrong, []);
  });

  it("imports files, not the index, inside a package", () => {
    const wrong = shipped
      .filter(({ imports }) => imports.some((specifier) => /^\.{1,2}(\/.*)?\/index\.js$/.test(specifier)))
      .filter(({ file }) => path.basename(file) !== "index.ts")
      .map(({ file }) => relative(file));
    assert.deepEqual(wrong, []);
  });

  it("has no circle among files", () => {
    const graph = new Map(
      shipped.map(({ file, imports }) => [
        file,
        imports
          .filter((specifier) => specifier.startsWith(".") && specifier.endsWith(".js"))
          .map((specifier) => path.resolve(path.dirname(file), specifier.replace(/\.js$/, ".ts"))),
      ]),
    );
    assert.deepEqual(findCycle(graph)?.map(relative), undefined);
  });

  it("knows a circle and a wrong arrow when it sees one", () => {
    assert.deepEqual(
      findCycle(
        new Map([
          ["a", ["b"]],
          ["b", ["a"]],
        ]),
      ),
      ["a", "b", "a"],
    );
    assert.equal(
      findCycle(
        new Map([
          ["a", ["b"]],
          ["b", []],
        ]),
      ),
      undefined,
    );
    assert.equal(mayImport("peer", "orderer"), false);
    assert.equal(mayImport("ledger", "channel-config"), false);
    assert.equal(mayImport("ordering", "channel-config"), true);
  });
});
