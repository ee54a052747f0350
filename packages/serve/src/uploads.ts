import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ServeError } from './errors.js';
import { uploadFieldsSchema, type UploadFields } from './schemas.js';

export interface UploadLimits {
  /** Largest file, in bytes. */
  readonly fileBytes: number;
  /** Files of a request. */
  readonly files: number;
}

/** A file that a request brought. */
interface UploadedFile {
  /** Where it lies now. */
  readonly path: string;
  /** What its sender calls it. */
  readonly name: string;
}

export interface Upload {
  readonly files: readonly UploadedFile[];
  readonly fields: UploadFields;
}

/** Fields whose text is JSON. */
const JSON_FIELDS = new Set(['categories', 'tags', 'inputs', 'labels', 'prompts']);

/**
 * Streams the files of a request to the disk, for as long as they are used.
 * @throws ServeError `too-large` over a limit, `request` where it is no upload
 */
export async function withUpload<T>(
  request: FastifyRequest,
  limits: UploadLimits,
  signal: AbortSignal,
  use: (upload: Upload) => Promise<T>,
): Promise<T> {
  if (!request.isMultipart()) {
    const got = String(request.headers['content-type'] ?? 'none').slice(0, 100);
    throw new ServeError({ where: 'content-type', expected: 'multipart/form-data', got, code: 'request' });
  }
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-upload-'));
  try {
    return await use(await receive(request, folder, limits, signal));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function receive(
  request: FastifyRequest,
  folder: string,
  { fileBytes, files: most }: UploadLimits,
  signal: AbortSignal,
): Promise<Upload> {
  const files: UploadedFile[] = [];
  const fields: Record<string, unknown> = {};
  const limits = { fileSize: fileBytes, files: most, fields: 32, fieldSize: 1 << 20, parts: most + 32 };
  for await (const part of request.parts({ limits })) {
    if (part.type === 'field') {
      fields[part.fieldname] = valueOf(part.fieldname, String(part.value));
      continue;
    }
    const ending = /\.([a-z0-9]{1,5})$/i.exec(part.filename)?.[0] ?? '';
    const path = join(folder, `${files.length}${ending.toLowerCase()}`);
    await pipeline(part.file, createWriteStream(path), { signal });
    if (part.file.truncated) {
      const expected = `a file of at most ${fileBytes} bytes`;
      throw new ServeError({ where: part.filename.slice(0, 100), expected, got: 'a larger one', code: 'too-large' });
    }
    files.push({ path, name: part.filename.slice(0, 200) });
  }
  const parsed = uploadFieldsSchema.safeParse(fields);
  if (parsed.success) return { files, fields: parsed.data };
  throw new ServeError({
    expected: 'the fields of an upload',
    got: z.prettifyError(parsed.error).slice(0, 500),
    code: 'request',
  });
}

function valueOf(name: string, text: string): unknown {
  if (!JSON_FIELDS.has(name)) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new ServeError({ where: name, expected: 'JSON', got: text.slice(0, 60), code: 'request' });
  }
}
