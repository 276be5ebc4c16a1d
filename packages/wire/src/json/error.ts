import { HansaError } from "@hansa/primitives";

/** JSON that is not the message it is meant to be; `path` says where, as "channel_group.groups.Application". */
export class JsonError extends HansaError {
  override readonly name = "JsonError";
  readonly path: string;

  constructor(path: string, reason: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super("MALFORMED_JSON", `${path === "" ? "the JSON" : path}: ${reason}`, options);
    this.path = path;
  }
}
