/** Our .proto files, read by reflection: what the generated classes were made from. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import { repositoryRoot } from "../support/paths.js";

const folder = path.join(repositoryRoot, "proto/fabric");

export type Definitions = {
  /** "peer/proposal": paths below proto/fabric, without the extension. */
  readonly files: readonly string[];
  /** Every message type, nested ones included, by full name without the leading dot. */
  readonly messages: ReadonlyMap<string, protobuf.Type>;
  readonly enums: ReadonlyMap<string, protobuf.Enum>;
  readonly services: ReadonlyMap<string, protobuf.Service>;
};

export function loadDefinitions(): Definitions {
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".proto"))
    .map((file) => file.slice(0, -".proto".length).replaceAll(path.sep, "/"))
    .sort();
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => {
    const own = path.join(folder, target);
    if (path.isAbsolute(target)) return target;
    return existsSync(own) ? own : (protobuf.Root.prototype.resolvePath.call(root, origin, target) ?? target);
  };
  root.loadSync(files.map((file) => path.join(folder, `${file}.proto`))).resolveAll();

  const messages = new Map<string, protobuf.Type>();
  const enums = new Map<string, protobuf.Enum>();
  const services = new Map<string, protobuf.Service>();
  const visit = (namespace: protobuf.NamespaceBase) => {
    for (const item of namespace.nestedArray) {
      const name = item.fullName.slice(1);
      if (name === "google") continue;
      if (item instanceof protobuf.Type) messages.set(name, item);
      if (item instanceof protobuf.Enum) enums.set(name, item);
      if (item instanceof protobuf.Service) services.set(name, item);
      if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(root);
  return { files, messages, enums, services };
}

/** "protos" for a type at the top of package protos: what comes before the first message's name. */
export function packageOf(item: protobuf.ReflectionObject): string {
  let above: protobuf.NamespaceBase | null = item.parent;
  while (above instanceof protobuf.Type) above = above.parent;
  return above?.fullName.slice(1) ?? "";
}
