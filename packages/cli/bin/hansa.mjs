#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = new URL("../bundle/hansa.js", import.meta.url);
if (existsSync(fileURLToPath(program))) await import(program.href);
else {
  process.stderr.write("The hansa command is not built yet.\nBuild it with: npm run build\n");
  process.exitCode = 70;
}
