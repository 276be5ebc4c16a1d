/**
 * External builders: programs of an operator that turn packages into something that runs, by Fabric's contract of four
 * programs in <path>/bin:
 *
 *   detect  <source> <metadata>           exit code 0 takes the package
 *   build   <source> <metadata> <output>
 *   release <output> <release>            optional; indexes, or chaincode/server/connection.json of a service
 *   run     <output> <run-metadata>       see external-run.ts
 *
 *   <directory>/<package id>/build.json   which builder; written last, a folder without it is unfinished and made anew
 *   <directory>/<package id>/bld/…        what build wrote
 *   <directory>/<package id>/release/…    what release wrote
 *
 * Source: hyperledger/fabric, core/container/externalbuilder/externalbuilder.go and instance.go; texts of errors alike.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { createInterface } from "node:readline";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { type ArchiveEntry, safeEntryPath } from "../archive.js";
import { unpack } from "../build.js";

export type ExternalBuilderConfig = {
  readonly name: string;
  /** Folder with bin/detect, bin/build, bin/release and bin/run. */
  readonly path: string;
  /** All that its programs find in their environment. */
  readonly environment: Readonly<Record<string, string>>;
};

export type ExternalBuild = {
  readonly kind: "external";
  readonly builder: ExternalBuilderConfig;
  /** What `build` wrote: handed to `run`. */
  readonly output: string;
  /** What `release` wrote. */
  readonly release: string;
};

export type ExternalBuildersOptions = {
  readonly builders: readonly ExternalBuilderConfig[];
  /** Builds are kept below it. */
  readonly directory: string;
  readonly timeoutMs: number;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
};

export class ExternalBuildError extends HansaError {
  override readonly name = "ExternalBuildError";
}

const RECORD = "build.json";
const MAX_LOGGED_CHARS = 2_000;
const MAX_LOGGED_LINES = 10_000;
const MAX_RELEASED_FILES = 1_000;

export class ExternalBuilders {
  readonly #options: ExternalBuildersOptions;
  /** One at a time per package. */
  readonly #underWay = new Map<string, Promise<ExternalBuild | undefined>>();

  constructor(options: ExternalBuildersOptions) {
    this.#options = options;
  }

  /**
   * The package as the first builder that takes it has built it, now or before; undefined when none takes it.
   * @param metadata the bytes of the package's metadata.json
   * @param source reads the entries of its code.tar.gz
   * @throws ExternalBuildError when the builder that takes it fails
   */
  build(
    packageId: string,
    metadata: Uint8Array,
    source: () => Promise<readonly ArchiveEntry[]>,
  ): Promise<ExternalBuild | undefined> {
    if (this.#options.builders.length === 0) return Promise.resolve(undefined);
    const running = this.#underWay.get(packageId);
    if (running !== undefined) return running;
    const build = this.#build(packageId, metadata, source).finally(() => this.#underWay.delete(packageId));
    this.#underWay.set(packageId, build);
    return build;
  }

  /** Indexes that a builder released for the package, by their paths in a package; undefined when none built it. */
  async releasedFiles(packageId: string): Promise<readonly ArchiveEntry[] | undefined> {
    const folder = this.#folder(packageId);
    if (!existsSync(join(folder, RECORD))) return undefined;
    const root = join(folder, "release", "statedb");
    if (!existsSync(root)) return [];
    const found = await readdir(root, { recursive: true, withFileTypes: true });
    return Promise.all(
      found
        .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
        .slice(0, MAX_RELEASED_FILES)
        .map(async (entry) => {
          const file = join(entry.parentPath, entry.name);
          const path = ["META-INF", "statedb", ...relative(root, file).split(sep)].join("/");
          return { path, content: await readFile(file), executable: false };
        }),
    );
  }

  async #build(
    packageId: string,
    metadata: Uint8Array,
    source: () => Promise<readonly ArchiveEntry[]>,
  ): Promise<ExternalBuild | undefined> {
    const folder = this.#folder(packageId);
    const known = await this.#known(packageId, folder);
    if (known !== undefined) return known;
    const scratch = await mkdtemp(join(tmpdir(), "hansa-builder-"));
    try {
      const at = (name: string) => join(scratch, name);
      for (const name of ["src", "metadata", "bld", "release"]) await mkdir(at(name), { mode: 0o700 });
      await unpack(await source(), at("src"));
      await writeFile(at("metadata/metadata.json"), metadata, { mode: 0o600 });
      const builder = await this.#detect(at("src"), at("metadata"));
      if (builder === undefined) return undefined;
      const step = async (name: string, what: string, ...args: string[]) => {
        const failure = await this.#run(builder, name, args);
        if (failure !== undefined)
          throw new ExternalBuildError("EXTERNAL_BUILD_FAILED", `${what}: ${failure}`, {
            nextStep: `See what bin/${name} of ${builder.path} wrote, in the peer's log.`,
          });
      };
      await step(
        "build",
        `external builder failed to build: external builder '${builder.name}' failed`,
        ...[at("src"), at("metadata"), at("bld")],
      );
      if (existsSync(join(builder.path, "bin", "release")))
        await step(
          "release",
          `external builder failed to release: builder '${builder.name}' release failed`,
          at("bld"),
          at("release"),
        );
      return await this.#keep(folder, scratch, builder);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  async #known(packageId: string, folder: string): Promise<ExternalBuild | undefined> {
    let name: unknown;
    try {
      name = (JSON.parse(await readFile(join(folder, RECORD), "utf8")) as { builder?: unknown }).builder;
    } catch {
      return undefined;
    }
    const builder = this.#options.builders.find((each) => each.name === name);
    if (builder !== undefined) return externalBuild(builder, folder);
    throw new ExternalBuildError(
      "EXTERNAL_BUILDER_GONE",
      `existing build could not be restored: chaincode '${packageId}' was already built with builder '${String(name)}', but that builder is no longer available`,
      { nextStep: "List the builder in chaincode.externalBuilders again." },
    );
  }

  async #detect(source: string, metadata: string): Promise<ExternalBuilderConfig | undefined> {
    for (const builder of this.#options.builders) {
      const failure = await this.#run(builder, "detect", [source, metadata]);
      if (failure === undefined) return builder;
      this.#options.logger.debug("external builder does not take the package", {
        builder: builder.name,
        reason: failure,
      });
    }
    return undefined;
  }

  async #keep(folder: string, scratch: string, builder: ExternalBuilderConfig): Promise<ExternalBuild> {
    // Temporary files may lie on another disk: copying is all that always works.
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true, mode: 0o700 });
    for (const name of ["bld", "release"])
      await cp(join(scratch, name), join(unfinished, name), { recursive: true, verbatimSymlinks: true });
    await writeFile(join(unfinished, RECORD), JSON.stringify({ builder: builder.name }));
    await rename(unfinished, folder);
    return externalBuild(builder, folder);
  }

  /** Runs one program to its end; says why it failed, if it did. Its stderr goes to the log. */
  #run(builder: ExternalBuilderConfig, program: string, args: readonly string[]): Promise<string | undefined> {
    const { logger, timeoutMs, signal } = this.#options;
    return new Promise((resolve) => {
      const child = spawn(join(builder.path, "bin", program), args, {
        env: builder.environment,
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      let ended: string | undefined;
      let lines = 0;
      createInterface({ input: child.stderr }).on("line", (line) => {
        lines += 1;
        if (lines <= MAX_LOGGED_LINES)
          logger.info(line.slice(0, MAX_LOGGED_CHARS), { builder: builder.name, command: program });
      });
      const end = (why: string) => {
        ended ??= why;
        killGroup(child.pid);
      };
      const timer = setTimeout(() => end(`took longer than ${timeoutMs} ms`), timeoutMs);
      const abort = () => end("was stopped");
      signal?.addEventListener("abort", abort, { once: true });
      const finish = (failure: string | undefined) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        resolve(failure);
      };
      child.once("error", (error) => finish(messageOf(error)));
      child.once("close", (code, name) => {
        if (code === 0 && ended === undefined) finish(undefined);
        // Go's words for it.
        else finish(ended ?? (code === null ? `signal: ${name}` : `exit status ${code}`));
      });
      if (signal?.aborted) abort();
    });
  }

  #folder(packageId: string): string {
    return join(this.#options.directory, safeEntryPath(packageId.replaceAll(/[<>:"/\\|?*&]/g, "-")));
  }
}

function externalBuild(builder: ExternalBuilderConfig, folder: string): ExternalBuild {
  return { kind: "external", builder, output: join(folder, "bld"), release: join(folder, "release") };
}

/**
 * connection.json that the builder released for a chaincode that runs as a service; undefined when it runs by `run`.
 * @throws ExternalBuildError with Fabric's text when it is no JSON
 */
export async function releasedConnection({ release }: ExternalBuild): Promise<unknown> {
  const file = join(release, "chaincode", "server", "connection.json");
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw new ExternalBuildError("CONNECTION_MALFORMED", `malformed chaincode info at '${file}': ${messageOf(cause)}`, {
      cause,
    });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}
