/**
 * One of Fabric's configuration files, with the environment over it, as its own nodes read them: keys without regard to
 * case, PREFIX_SECTION_KEY over what the file says unless it is empty, paths as seen from the file's folder.
 * Source: hyperledger/fabric, core/config/config.go, common/viperutil/config_util.go and spf13/viper.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseGoDuration } from "@hansa/channel-config";
import { HansaError, messageOf } from "@hansa/primitives";
import { parseDocument } from "yaml";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value of the file or of the environment; where it stands is named in errors. */
type Found = { readonly value: unknown; readonly where: string };

const OFFICIAL_FOLDER = "/etc/hyperledger/fabric";
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export class SettingsFile {
  /** Its absolute path. */
  readonly file: string;
  readonly #prefix: string;
  readonly #root: unknown;
  readonly #env: Environment;

  /** @param name without extension: "core", which also begins the names in the environment */
  private constructor(file: string, name: string, root: unknown, env: Environment) {
    this.file = file;
    this.#prefix = name.toUpperCase();
    this.#root = root;
    this.#env = env;
  }

  /**
   * Looks in FABRIC_CFG_PATH and nowhere else when that is set; otherwise in the working folder and in Fabric's own.
   * @throws HansaError NODE_FILES when there is none, or it is no YAML
   */
  static read(name: "core" | "orderer", env: Environment, cwd: string): SettingsFile {
    const given = env.FABRIC_CFG_PATH || undefined;
    if (given !== undefined && !isFolder(path.resolve(cwd, given)))
      throw new HansaError("NODE_FILES", `FABRIC_CFG_PATH ${given} does not exist`, {
        nextStep: `Set FABRIC_CFG_PATH to the folder that holds ${name}.yaml.`,
      });
    const folders = given === undefined ? [cwd, OFFICIAL_FOLDER] : [path.resolve(cwd, given)];
    const file = folders
      .flatMap((folder) => [path.join(folder, `${name}.yaml`), path.join(folder, `${name}.yml`)])
      .find(existsSync);
    if (file === undefined)
      throw new HansaError("NODE_FILES", `There is no ${name}.yaml in ${folders.join(" or ")}`, {
        nextStep: `Set FABRIC_CFG_PATH to the folder that holds ${name}.yaml.`,
      });
    return SettingsFile.parse(file, name, readText(file), env);
  }

  /** @throws HansaError NODE_FILES when the text is no YAML */
  static parse(file: string, name: "core" | "orderer", text: string, env: Environment): SettingsFile {
    const document = parseDocument(text, { merge: true, uniqueKeys: true });
    const [problem] = document.errors;
    if (problem !== undefined)
      throw new HansaError("NODE_FILES", `${file} is no YAML: ${problem.message.split("\n")[0]}`, {
        nextStep: "Correct the file.",
      });
    try {
      return new SettingsFile(file, name, document.toJS({ maxAliasCount: 100 }), env);
    } catch (cause) {
      throw new HansaError("NODE_FILES", `${file} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  get folder(): string {
    return path.dirname(this.file);
  }

  /** The environment's name for a key: "peer.tls.enabled" is CORE_PEER_TLS_ENABLED. */
  variable(key: string): string {
    return `${this.#prefix}_${key.replaceAll(".", "_").toUpperCase()}`;
  }

  /** As the file or the environment has it; undefined when neither says anything. */
  raw(key: string): unknown {
    return this.#find(key)?.value;
  }

  /** Whether file or environment say anything; an empty text says nothing. */
  isSet(key: string): boolean {
    const found = this.#find(key);
    return found !== undefined && found.value !== "";
  }

  text(key: string): string {
    const found = this.#find(key);
    if (found === undefined) return "";
    if (typeof found.value === "object") throw this.wrong(key, "a text");
    return String(found.value);
  }

  flag(key: string): boolean {
    const text = this.text(key);
    // What Go's strconv.ParseBool takes.
    if (["", "0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
    if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
    throw this.wrong(key, "true or false");
  }

  /** @param otherwise when neither file nor environment says anything */
  whole(key: string, otherwise: number): number {
    const text = this.text(key);
    if (text === "") return otherwise;
    if (!/^\d{1,15}$/.test(text)) throw this.wrong(key, "a whole number from 0 up");
    return Number(text);
  }

  /** Go's durations ("2m30s"); a bare number counts nanoseconds, as it does in Go. */
  durationMs(key: string, otherwise: number): number {
    const text = this.text(key);
    if (text === "") return otherwise;
    const ms = readDurationMs(text);
    if (ms === undefined) throw this.wrong(key, 'a duration such as "30s" or "2m30s"');
    return ms;
  }

  /** "1 MB", "512 KB", or a count of bytes. */
  bytes(key: string, otherwise: number): number {
    const text = this.text(key).trim();
    if (text === "") return otherwise;
    const parts = /^(\d{1,15})\s*(?:([kmg])b?)?$/i.exec(text);
    if (parts === null) throw this.wrong(key, 'a size such as "1 MB"');
    const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[parts[2]?.toLowerCase() ?? ""] ?? 1;
    return Number(parts[1]) * unit;
  }

  /** A list; in the environment "[a, b]", or words between commas or spaces. */
  list(key: string): string[] {
    const found = this.#find(key);
    if (found === undefined) return [];
    if (Array.isArray(found.value)) return found.value.filter((item) => item !== null).map(String);
    if (typeof found.value === "object") throw this.wrong(key, "a list");
    const text = String(found.value).trim();
    const inner = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
    return inner.split(/[,\s]+/).filter((item) => item !== "");
  }

  /** An absolute path; "" when it is not set. */
  path(key: string): string {
    const text = this.text(key);
    return text === "" ? "" : path.resolve(this.folder, text);
  }

  paths(key: string): string[] {
    return this.list(key).map((each) => path.resolve(this.folder, each));
  }

  /** A list of maps; in the environment the same as YAML in one line. */
  maps(key: string): Readonly<Record<string, unknown>>[] {
    const found = this.#find(key);
    if (found === undefined) return [];
    let { value } = found;
    if (typeof value === "string") {
      const wanted = "a list of settings, as YAML in one line";
      const document = parseDocument(value);
      if (document.errors.length > 0) throw this.wrong(key, wanted);
      try {
        value = document.toJS({ maxAliasCount: 10 });
      } catch {
        // An alias of nothing is found here only.
        throw this.wrong(key, wanted);
      }
    }
    if (value === null) return [];
    if (!Array.isArray(value)) throw this.wrong(key, "a list");
    return value
      .filter((item) => item !== null)
      .map((item) => {
        if (typeof item !== "object" || Array.isArray(item)) throw this.wrong(key, "a list of settings");
        return item as Record<string, unknown>;
      });
  }

  /** @throws HansaError NODE_FILES when it does not end in a port */
  address(key: string): string {
    const text = this.text(key);
    const port = Number(/^.*:(\d{1,5})$/.exec(text)?.[1] ?? Number.NaN);
    if (!(port <= 65_535)) throw this.wrong(key, '"host:port"');
    return text;
  }

  /** @throws HansaError NODE_FILES naming the setting and the path when the file cannot be read */
  readFile(key: string, file = this.path(key)): string {
    if (file === "") throw this.wrong(key, "a file's path");
    try {
      return readText(file);
    } catch (cause) {
      throw new HansaError("NODE_FILES", `${this.#place(key)} names ${file}: ${messageOf(cause)}`, {
        cause,
        nextStep: `Correct ${key} in ${this.file}, or set ${this.variable(key)}.`,
      });
    }
  }

  /** The error for a setting whose value does not do. */
  wrong(key: string, allowed: string): HansaError {
    const found = this.#find(key)?.value;
    const shown = found === undefined ? "not set" : JSON.stringify(found);
    return new HansaError("NODE_FILES", `${this.#place(key)} is ${shown}; it must be ${allowed}`, {
      nextStep: `Correct ${key} in ${this.file}, or set ${this.variable(key)}.`,
    });
  }

  /** Every key of the file that leads to a value, in its own spelling, joined by dots. */
  keys(): string[] {
    const keys: string[] = [];
    const walk = (value: unknown, prefix: string) => {
      if (!isMap(value) || Object.keys(value).length === 0) {
        if (prefix !== "") keys.push(prefix);
        return;
      }
      for (const [name, inner] of Object.entries(value)) walk(inner, prefix === "" ? name : `${prefix}.${name}`);
    };
    walk(this.#root, "");
    return keys;
  }

  /** Where the value stands: the file, or the variable that overrides it. */
  #place(key: string): string {
    const where = this.#find(key)?.where;
    return where === undefined || where === this.file ? `${this.file}: ${key}` : `${where} (${key})`;
  }

  #find(key: string): Found | undefined {
    const variable = this.variable(key);
    const override = this.#env[variable];
    if (override !== undefined && override !== "") return { value: override, where: variable };
    let value: unknown = this.#root;
    for (const word of key.toLowerCase().split(".")) {
      if (!isMap(value)) return undefined;
      const name = Object.keys(value).find((each) => each.toLowerCase() === word);
      value = name === undefined ? undefined : value[name];
    }
    return value === undefined || value === null ? undefined : { value, where: this.file };
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function readText(file: string): string {
  if (statSync(file).size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
  return readFileSync(file, "utf8");
}

function readDurationMs(text: string): number | undefined {
  if (/^\d{1,18}$/.test(text)) return Number(text) / 1e6;
  const ms = parseGoDuration(text);
  return ms === undefined || ms < 0 ? undefined : ms;
}
