/**
 * Everything the project tests: installs and builds where needed, then runs every test of the packages and of test/
 * with Node's own runner. `node scripts/test.mjs packages/msp` runs only what lies below the given folders. Files named
 * `.long.test.js` kill processes again and again, or damage thousands of messages: `--long` runs those instead.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { build, install, nodeProblem, root } from "./prepare.mjs";

/** Test programs that start whole networks come first: they take longest, and the small ones fill the gaps. */
function testFiles(folders, long) {
  const files = folders.flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && entry.name.endsWith(".test.js"))
          .filter((entry) => entry.name.endsWith(".long.test.js") === long)
          .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
      : [],
  );
  const heavy = (file) => (/^test\//.test(file) ? 0 : 1);
  return files.filter((file) => !file.includes("node_modules")).sort((a, b) => heavy(a) - heavy(b) || (a < b ? -1 : 1));
}

async function main() {
  const problem = nodeProblem();
  if (problem !== undefined) throw new Error(problem);
  const installMs = await install();
  if (installMs > 0) console.log(`installed (${Math.round(installMs)} ms)`);
  console.log(`built (${Math.round(await build())} ms)`);

  const given = process.argv.slice(2);
  const long = given.includes("--long");
  const asked = given.filter((word) => word !== "--long").map((folder) => path.resolve(root, folder));
  const within = (folder) =>
    asked.length === 0 || asked.some((wanted) => folder.startsWith(wanted) || wanted.startsWith(folder));
  const packages = readdirSync(path.join(root, "packages")).map((name) => path.join(root, "packages", name));
  const folders = [path.join(root, "test"), ...packages].filter(within).map((folder) => path.join(folder, "dist"));
  const narrowed = asked.filter((folder) => folder.includes(`${path.sep}dist`));
  const files = testFiles(narrowed.length > 0 ? narrowed : folders, long);
  if (files.length === 0) throw new Error("there are no tests there");

  const reporter = path.join(root, "scripts/test-reporter.mjs");
  const options = [
    "--test",
    "--test-concurrency=2",
    `--test-reporter=${reporter}`,
    "--test-reporter-destination=stdout",
  ];
  const runner = spawn(process.execPath, [...options, ...files], { cwd: root, stdio: "inherit" });
  process.exitCode = await new Promise((resolve, reject) => {
    runner.once("error", reject);
    runner.once("close", (code) => resolve(code ?? 1));
  });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
