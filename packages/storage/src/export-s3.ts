/** An export's files in a bucket of S3, or of anything that speaks its protocol. The AWS SDK is loaded on first use. */
import type { S3Client } from "@aws-sdk/client-s3";
import type { ExportStore } from "@hansa/journal";
import { type Bytes, HansaError, messageOf } from "@hansa/primitives";

export type S3Options = {
  /** E.g. "http://127.0.0.1:9000"; AWS's own unless given. Buckets are then named in the path. */
  readonly endpoint?: string;
  /** As the SDK finds it unless given; endpoints other than AWS's do with any. */
  readonly region?: string;
};

type Sdk = typeof import("@aws-sdk/client-s3");

const ANY_REGION = "us-east-1";

/** Credentials are found as the AWS SDK finds them: environment, profile, role. */
export class S3ExportStore implements ExportStore {
  readonly name: string;
  readonly #bucket: string;
  readonly #options: S3Options;
  #loaded: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  constructor(bucket: string, options: S3Options = {}) {
    this.name = `s3://${bucket}`;
    this.#bucket = bucket;
    this.#options = options;
  }

  async put(key: string, bytes: Bytes): Promise<void> {
    await this.#saying("written", key, async ({ sdk, client }) => {
      await client.send(new sdk.PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: bytes }));
    });
  }

  get(key: string): Promise<Bytes | undefined> {
    return this.#saying("read", key, async ({ sdk, client }) => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: key }));
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof sdk.NoSuchKey) return undefined;
        throw error;
      }
    });
  }

  names(prefix: string): Promise<string[]> {
    return this.#saying("listed", prefix, async ({ sdk, client }) => {
      const names: string[] = [];
      const request = { Bucket: this.#bucket, Prefix: prefix, Delimiter: "/" };
      for await (const page of sdk.paginateListObjectsV2({ client }, request)) {
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) names.push(Key.slice(prefix.length));
      }
      return names;
    });
  }

  async close(): Promise<void> {
    (await this.#loaded)?.client.destroy();
  }

  async #load(): Promise<{ sdk: Sdk; client: S3Client }> {
    const loaded: Sdk & { readonly default?: Sdk } = await import("@aws-sdk/client-s3");
    // A bundler that finds the SDK's CommonJS form gives it as the default export alone.
    const sdk = loaded.S3Client === undefined && loaded.default !== undefined ? loaded.default : loaded;
    const { endpoint, region } = this.#options;
    const client = new sdk.S3Client({
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true, region: region ?? ANY_REGION }),
      ...(region === undefined ? {} : { region }),
      // Only AWS's own servers are sure to know the newer checksums in trailers.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
    return { sdk, client };
  }

  async #saying<T>(what: string, key: string, act: (loaded: { sdk: Sdk; client: S3Client }) => Promise<T>): Promise<T> {
    try {
      this.#loaded ??= this.#load();
      return await act(await this.#loaded);
    } catch (cause) {
      throw new HansaError(
        "EXPORT_STORE",
        `${this.name}/${key} cannot be ${what}: ${messageOf(cause).replace(/\.$/, "")}.`,
        {
          cause,
          nextStep: "Check the bucket's name, the endpoint and the credentials.",
        },
      );
    }
  }
}
