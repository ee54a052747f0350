import { WbdcError } from '../errors.js';
import { RangeRefusal, refusalOf, sizeInRange, type RangeAnswer, type RangeClient } from './client.js';

/** What of `@aws-sdk/client-s3` is called: the package is an optional peer, and so are its types. */
interface S3Library {
  S3Client: new (config: { forcePathStyle?: boolean; maxAttempts: number }) => {
    send(command: object, options: { abortSignal: AbortSignal }): Promise<S3Answer>;
  };
  GetObjectCommand: new (input: { Bucket: string; Key: string; Range: string; IfMatch?: string }) => object;
}

interface S3Answer {
  readonly ContentRange?: string;
  readonly ETag?: string;
  readonly Body?: AsyncIterable<Uint8Array>;
}

/**
 * An object behind `s3://bucket/key`, by the AWS SDK: keys, region and the address of another service than Amazon's
 * come from where all its programs read them (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3`, ...).
 */
export async function s3Client(url: string): Promise<RangeClient> {
  const [, Bucket, path] = /^s3:\/\/([^/?#]+)\/([^?#]+)$/i.exec(url) ?? [];
  if (Bucket === undefined) throw new WbdcError({ where: url, expected: 's3://bucket/key', got: 'another address' });
  const Key = decodeURIComponent(path);
  const { S3Client, GetObjectCommand } = await loadSdk();
  const env = process.env;
  // Buckets as names of hosts are Amazon's; what stands in its place (MinIO, Ceph) is mostly without them.
  const other = (env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']) !== undefined;
  const client = new S3Client({ maxAttempts: 1, ...(other && { forcePathStyle: true }) });
  return {
    get: async (start, end, abortSignal, version) => {
      const range = {
        Bucket,
        Key,
        Range: `bytes=${start}-${end - 1}`,
        ...(version !== undefined && { IfMatch: version }),
      };
      try {
        return answerOf(await client.send(new GetObjectCommand(range), { abortSignal }));
      } catch (error) {
        throw refused(error);
      }
    },
  };
}

async function loadSdk(): Promise<S3Library> {
  try {
    return (await import('@aws-sdk/client-s3')) as object as S3Library;
  } catch (cause) {
    const expected = '@aws-sdk/client-s3';
    const advice = `npm install ${expected}`;
    throw new WbdcError({ where: 's3://', expected, got: 'no such package', advice, code: 'remote' }, { cause });
  }
}

function answerOf({ ContentRange, ETag, Body }: S3Answer): RangeAnswer {
  if (Body === undefined) throw new RangeRefusal('bytes', 'an answer without a body', true);
  return { size: sizeInRange(ContentRange), version: ETag, body: Body };
}

/** The SDK's failures: those with a status are the server's answers, the others lost connections or missing keys. */
function refused(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RangeRefusal) return error;
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) {
    if (/region is missing/i.test(error.message)) {
      return new RangeRefusal('a region of S3', 'none', false, 'set AWS_REGION or AWS_PROFILE');
    }
    if (error.name !== 'CredentialsProviderError') return error;
    return new RangeRefusal('credentials of S3', error.message, false, 'set AWS_ACCESS_KEY_ID or AWS_PROFILE');
  }
  return refusalOf(status, error.name);
}
