/** What both ends need to know of a method; the generated service tables of wire have this shape. */
export type MethodDefinition = {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
};

export type ServiceDefinition = {
  readonly name: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
};

/** One message at most: Fabric's own limit, 100 MB. */
export const MAX_MESSAGE_BYTES = 100 * 1024 * 1024;

export const identity = (bytes: Buffer): Buffer => bytes;
