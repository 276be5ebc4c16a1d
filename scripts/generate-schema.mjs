/** Writes the JSON schema of network files, for editors, from the shape that checks them. Needs a build. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { jsonSchema, networkShape } from "../packages/network/dist/index.js";

const file = path.resolve(
  path.dirname(fileURLToPath(import.meta.url)),
  "../network-configs/schema/network.schema.json",
);
const schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "A Hansa network",
  ...jsonSchema(networkShape),
};
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(schema, undefined, 2)}\n`);
