/**
 * Connection profiles as files beside the identities, where Fabric's test network has them and applications look for
 * them: `peerOrganizations/org1.example.com/connection-org1.json`, and the same as YAML.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import { writeFileDurably } from "../plan/state-file.js";
import type { NetworkView } from "./network-view.js";

/** Writes every member's profile anew where it has changed. */
export async function writeConnectionProfiles(view: NetworkView): Promise<void> {
  await Promise.all(
    view.config.members
      .filter(({ mspId }) => view.state.enrolled.includes(mspId))
      .map(async ({ name, domain }) => {
        const profile = view.member(name).connectionProfile();
        const file = path.join(view.layout.organization("peer", domain), `connection-${name.toLowerCase()}`);
        const text = `${JSON.stringify(profile, undefined, 2)}\n`;
        // The YAML is there, and says the same, when the JSON is: it is written first, and it takes long to make.
        if ((await contentOf(`${file}.json`)) === text && existsSync(`${file}.yaml`)) return;
        await writeFileDurably(`${file}.yaml`, stringify(profile));
        await writeFileDurably(`${file}.json`, text);
      }),
  );
}

function contentOf(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").catch(() => undefined);
}
