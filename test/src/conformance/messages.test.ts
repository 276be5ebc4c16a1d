/**
 * Our messages against google's compiler's: @hyperledger/fabric-protos, the library inside every Fabric SDK for Node.
 * Same declarations, and the same bytes for random content, written by either and read by the other.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as wire from "@hansa/wire";
import type protobuf from "protobufjs";
import { loadDefinitions, packageOf } from "./definitions.js";
import {
  buildOfficial,
  expectedWriting,
  findAccessor,
  isOfficialClass,
  isOfficialEnum,
  nestedExports,
  type OfficialClass,
  type OfficialEnum,
  officialExports,
  officialFiles,
  officialServices,
  wellKnownClasses,
  writtenFields,
} from "./official.js";
import { randomMessage, seededRandom } from "./random-message.js";

const seed = Number(process.env.HANSA_SEED ?? Math.floor(Math.random() * 2 ** 32));
const roundsPerType = 100;

const definitions = loadDefinitions();

/** Types of ours that the library has not got, each with the reason. None at present. */
const missingFromLibrary = new Map<string, string>();

/** Everything that the library declares, by the full names of our packages. */
function officialDeclarations() {
  const classes = new Map<string, OfficialClass>(Object.entries(wellKnownClasses()));
  const enums = new Map<string, OfficialEnum>();
  const add = (name: string, value: unknown) => {
    if (isOfficialClass(value)) {
      classes.set(name, value);
      for (const [inner, nested] of Object.entries(nestedExports(value))) add(`${name}.${inner}`, nested);
    } else if (isOfficialEnum(value)) enums.set(name, value);
  };
  for (const file of definitions.files) {
    const inFile = [...definitions.messages.values(), ...definitions.enums.values()].find((item) =>
      item.filename?.replaceAll("\\", "/").endsWith(`proto/fabric/${file}.proto`),
    );
    if (inFile === undefined) continue;
    for (const [name, value] of Object.entries(officialExports(file))) add(`${packageOf(inFile)}.${name}`, value);
  }
  return { classes, enums };
}

const { classes, enums } = officialDeclarations();

type OurClass = { encode(message: object): { finish(): Uint8Array }; decode(bytes: Uint8Array): object };

function ourClass(fullName: string): OurClass {
  let found: unknown = wire;
  for (const name of fullName.split(".")) found = (found as Record<string, unknown>)[name];
  assert.equal(typeof (found as Partial<OurClass>)?.decode, "function", `${fullName} is not exported by wire`);
  return found as OurClass;
}

function officialClass(type: protobuf.Type): OfficialClass {
  const found = classes.get(type.fullName.slice(1));
  assert.ok(found, `the library has no ${type.fullName}`);
  return found;
}

type MethodShape = { readonly path: string; readonly requestStream: boolean; readonly responseStream: boolean };

const names = (items: Iterable<string>) => [...items].sort();

describe("declarations", () => {
  it("stand in the same files", () => {
    // google/rpc/status is not Fabric's, and lies elsewhere in our tree.
    const theirs = officialFiles().filter((file) => !file.startsWith("google/"));
    assert.deepEqual([...definitions.files], theirs);
  });

  it("name the same messages and enums", () => {
    const ours = names([...definitions.messages.keys()].filter((name) => !missingFromLibrary.has(name)));
    assert.deepEqual(ours, names([...classes.keys()].filter((name) => !name.startsWith("google."))));
    assert.deepEqual(names(definitions.enums.keys()), names(enums.keys()));
  });

  it("give the same fields the same numbers, types and names", () => {
    for (const [name, type] of definitions.messages) {
      if (missingFromLibrary.has(name)) continue;
      const official = officialClass(type);
      const ours = type.fieldsArray.map((field) => [field.id, expectedWriting(field)] as const);
      assert.deepEqual(
        new Map(ours.sort(([a], [b]) => a - b)),
        new Map([...writtenFields(official)].sort(([a], [b]) => a - b)),
        name,
      );
      for (const field of type.fieldsArray)
        assert.ok(findAccessor(official, "get", field), `${name}.${field.name} is called otherwise in the library`);
    }
  });

  it("give the same enum names the same numbers", () => {
    for (const [name, type] of definitions.enums) assert.deepEqual({ ...enums.get(name) }, { ...type.values }, name);
  });

  it("describe the same services", () => {
    const theirs = officialServices();
    assert.deepEqual(names(definitions.services.keys()), names(theirs.keys()));
    for (const [name, methods] of theirs) {
      const service = Object.values(wire.services).find((candidate) => candidate.name === name);
      assert.deepEqual(names(Object.keys(service?.methods ?? {})), names(Object.keys(methods)), name);
      for (const [methodName, method] of Object.entries(methods)) {
        const ours = (service?.methods as Readonly<Record<string, MethodShape>> | undefined)?.[methodName];
        const shape = (m: MethodShape | undefined) => [m?.path, m?.requestStream, m?.responseStream];
        assert.deepEqual(shape(ours), shape(method), method.path);
        const definition = definitions.services.get(name)?.methods[methodName];
        const typeName = (type: protobuf.Type | null | undefined) => type?.fullName.slice(1) ?? "";
        assert.equal(classes.get(typeName(definition?.resolvedRequestType)) ?? method.requestType, method.requestType);
        assert.equal(
          classes.get(typeName(definition?.resolvedResponseType)) ?? method.responseType,
          method.responseType,
        );
      }
    }
  });
});

describe(`bytes of random messages (HANSA_SEED=${seed})`, () => {
  const equal = (name: string, way: string, actual: Uint8Array, expected: Uint8Array) =>
    assert.ok(
      Buffer.compare(actual, expected) === 0,
      `${name}, ${way}, HANSA_SEED=${seed}:\n  ${Buffer.from(actual).toString("hex")}\n  ${Buffer.from(expected).toString("hex")}`,
    );

  for (const packageName of new Set([...definitions.messages.values()].map(packageOf))) {
    it(`of package ${packageName} are the same, whoever writes and whoever reads`, () => {
      const random = seededRandom(seed);
      for (const [name, type] of definitions.messages) {
        if (packageOf(type) !== packageName || missingFromLibrary.has(name)) continue;
        const ours = ourClass(name);
        const official = officialClass(type);
        for (let round = 0; round < roundsPerType; round++) {
          const content = randomMessage(type, random);
          const written = wire.encode(ours as never, content as never);
          equal(name, "ours through theirs", official.deserializeBinary(written).serializeBinary(), written);
          const theirs = buildOfficial(official, type, content, officialClass).serializeBinary();
          equal(name, "theirs from the same content", theirs, written);
          equal(
            name,
            "theirs through ours",
            wire.encode(ours as never, wire.decode(ours as never, theirs, name)),
            theirs,
          );
        }
      }
    });
  }
});
