/** The first files of a contract: small, working, in TypeScript, and an ordinary contract for Hyperledger Fabric. */
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import { makeFolder } from "@hansa/storage";

/** What a chaincode may be called. Source: hyperledger/fabric, core/chaincode/lifecycle/scc.go. */
const CONTRACT_NAME = /^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$/;

/**
 * Writes the files of a new contract; the folder's name is the contract's unless one is given.
 * @returns the files that were written, below the folder
 * @throws HansaError USAGE when the folder holds anything, or its name cannot be a contract's
 */
export async function writeNewContract(folder: string, name = path.basename(folder)): Promise<string[]> {
  if (!CONTRACT_NAME.test(name))
    throw new HansaError("USAGE", `A contract cannot be called ${JSON.stringify(name)}.`, {
      nextStep: "Use letters, digits, and single hyphens or underscores between them; give it with --name.",
    });
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new HansaError("USAGE", `${folder} cannot hold a contract: ${error.message}.`, {
      cause: error,
      nextStep: "Give a folder that does not exist yet.",
    });
  });
  if (present.length > 0)
    throw new HansaError("USAGE", `${folder} holds files already.`, {
      nextStep: "Give a folder that is empty or does not exist yet.",
    });
  const files = contractFiles(name);
  for (const [file, content] of Object.entries(files)) {
    const place = path.join(folder, file);
    await makeFolder(path.dirname(place));
    await writeFile(place, content, { flag: "wx" });
  }
  return Object.keys(files);
}

function contractFiles(name: string): Record<string, string> {
  return {
    "package.json": `${JSON.stringify(manifest(name), undefined, 2)}\n`,
    "tsconfig.json": `${JSON.stringify(COMPILER_SETTINGS, undefined, 2)}\n`,
    "src/index.ts": INDEX,
    "src/note.ts": NOTE,
    "src/notes.ts": NOTES,
    "README.md": readme(name),
    ".gitignore": "node_modules/\ndist/\n",
    ".vscode/launch.json": `${JSON.stringify(LAUNCH, undefined, 2)}\n`,
  };
}

function manifest(name: string): unknown {
  return {
    name,
    version: "1.0.0",
    private: true,
    description: "A smart contract that keeps notes",
    main: "dist/index.js",
    scripts: { build: "tsc", start: "fabric-chaincode-node start" },
    dependencies: { [CONTRACT_API]: "~2.5.8", "fabric-shim": "~2.5.8" },
    devDependencies: { "@types/node": "^20.19.0", typescript: ">=5.4" },
  };
}

const COMPILER_SETTINGS = {
  compilerOptions: {
    target: "ES2022",
    module: "NodeNext",
    moduleResolution: "NodeNext",
    lib: ["ES2023"],
    types: ["node"],
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
    sourceMap: true,
    rootDir: "src",
    outDir: "dist",
  },
  include: ["src"],
};

const CONTRACT_API = "fabric-contract-api";

/** The line of the contract's source; this package itself imports nothing of it. */
function importing(names: string): string {
  return `import { ${names} } ${`from ${JSON.stringify(CONTRACT_API)}`};`;
}

const INDEX = `import { NotesContract } from "./notes.js";

export const contracts = [NotesContract];
`;

const NOTE = `${importing("Object as Stored, Property")}

/** One note, as it stands in the ledger. */
@Stored()
export class Note {
  @Property()
  id = "";

  @Property()
  text = "";

  /** The MSP id of the member that wrote it first; only that member may change it. */
  @Property()
  owner = "";

  /** When it was last written, as the client said: ISO 8601. */
  @Property()
  writtenAt = "";
}
`;

const NOTES = `// Decorators record the types of parameters, so these imports must stay imports of values.
${importing("Context, Contract, Info, Returns, Transaction")}
import { Note } from "./note.js";

/** Sent when a note was written. The payload is the note as JSON. */
const WRITTEN_EVENT = "NoteWritten";

/**
 * Notes that everybody on the channel reads, and that only their owners change.
 *
 * All peers must come to the same result: take the time from the transaction, draw nothing at random, ask nobody.
 */
@Info({ title: "Notes", description: "Notes that members leave each other" })
export class NotesContract extends Contract {
  constructor() {
    super("Notes");
  }

  @Transaction()
  @Returns("Note")
  async WriteNote(ctx: Context, id: string, text: string): Promise<Note> {
    const caller = ctx.clientIdentity.getMSPID();
    const before = await find(ctx, id);
    if (before !== undefined && before.owner !== caller) throw new Error(\`Note "\${id}" belongs to \${before.owner}.\`);
    const note: Note = { id, text, owner: caller, writtenAt: timeOf(ctx) };
    const bytes = Buffer.from(JSON.stringify(note));
    await ctx.stub.putState(id, bytes);
    ctx.stub.setEvent(WRITTEN_EVENT, bytes);
    return note;
  }

  @Transaction(false)
  @Returns("Note")
  async ReadNote(ctx: Context, id: string): Promise<Note> {
    const note = await find(ctx, id);
    if (note === undefined) throw new Error(\`There is no note "\${id}".\`);
    return note;
  }

  @Transaction(false)
  @Returns("Note[]")
  async ListNotes(ctx: Context): Promise<Note[]> {
    const notes: Note[] = [];
    for await (const { value } of ctx.stub.getStateByRange("", "")) notes.push(JSON.parse(value.toString()) as Note);
    return notes;
  }
}

async function find(ctx: Context, id: string): Promise<Note | undefined> {
  const bytes = await ctx.stub.getState(id);
  return bytes.length === 0 ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as Note);
}

/** The client's time, the same at every peer; a clock would give each its own. */
function timeOf(ctx: Context): string {
  const { seconds, nanos } = ctx.stub.getTxTimestamp();
  return new Date(Number(seconds) * 1000 + Math.floor(nanos / 1_000_000)).toISOString();
}
`;

const LAUNCH = {
  version: "0.2.0",
  configurations: [
    {
      name: "Attach to hansa contract dev --inspect",
      type: "node",
      request: "attach",
      port: 9229,
      restart: true,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the editor that fills it in.
      outFiles: ["${workspaceFolder}/dist/**/*.js"],
    },
  ],
};

function readme(name: string): string {
  return `# ${name}

A contract for Hyperledger Fabric. On a running Hansa network:

    hansa contract dev .                 runs it, and runs it anew at each save
    hansa contract dev . --inspect       the same with a debugger
    hansa invoke ${name} WriteNote first "Hello" --as <member>
    hansa query ${name} ReadNote first
    hansa contract deploy .              puts what you have into the channel

It uses nothing of Hansa's: it runs on any Fabric network unchanged.
`;
}
