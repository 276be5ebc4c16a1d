/** For node --test: one line for each suite, every failure in full, and the runner's closing lines. */
import path from "node:path";

const root = process.cwd();

export default async function* report(source) {
  const failed = [];
  for await (const { type, data } of source) {
    if (type === "test:pass" || type === "test:fail") {
      const file =
        data.file === undefined ? "" : path.relative(root, data.file).replace("/dist/", "/src/").replace(/js$/, "ts");
      const cause = data.details?.error;
      if (type === "test:fail" && !/subtests? failed/.test(cause?.message ?? "")) {
        const error = cause?.cause ?? cause;
        failed.push(`${file}: ${data.name}`);
        yield `\nFAIL ${file}: ${data.name}\n${indent(error?.stack ?? error?.message ?? error)}\n\n`;
      } else if (data.nesting === 0) {
        const verdict = type === "test:fail" ? "FAIL" : data.skip === undefined ? "ok  " : "skip";
        yield `${verdict} ${file}: ${data.name} (${Math.round(data.details?.duration_ms ?? 0)} ms)\n`;
      }
    } else if (type === "test:diagnostic" && data.nesting === 0) yield `# ${data.message}\n`;
  }
  if (failed.length > 0) yield `\nFailed:\n${failed.map((name) => `  ${name}\n`).join("")}`;
}

function indent(text) {
  const lines = String(text).split("\n").slice(0, 40);
  return lines.map((line) => `    ${line}`).join("\n");
}
