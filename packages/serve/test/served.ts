import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { openTrained, type TrainedInput, type TrainedModel } from '@wbdc/pipeline';
import { startServer, type RunningServer, type ServeOptions } from '@wbdc/serve';
import { afterAll } from 'vitest';

const FIXTURES = join(import.meta.dirname, '../../pipeline/test/fixtures/0.1.0');
export const VIDEO = join(FIXTURES, 'video.zip');
export const fixture = (name: string): string => join(FIXTURES, name);

/** A model that the tests of @wbdc/pipeline have too. */
export async function openFixture(name: 'category' | 'pretrained' | 'similarity'): Promise<TrainedModel> {
  await tf.setBackend('cpu');
  return openTrained(fixture(name), { tower: fixture('clip') });
}

/** A folder that goes with the test file. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-served-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A server on a free port. */
export function serve(options: Partial<ServeOptions>): Promise<RunningServer> {
  return startServer({ models: {}, port: 0, ...options });
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, never>;
}

/** Posts JSON, or a form. */
export async function post(server: RunningServer, path: string, body: object, init: RequestInit = {}): Promise<Answer> {
  const json = !(body instanceof FormData);
  const response = await fetch(server.url + path, {
    method: 'POST',
    body: json ? JSON.stringify(body) : body,
    ...init,
    headers: { ...(json && { 'content-type': 'application/json' }), ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

/** A form with files and fields. */
export function form(
  files: Readonly<Record<string, Uint8Array>>,
  fields: Readonly<Record<string, string>> = {},
): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  for (const [name, bytes] of Object.entries(files)) data.append('video', new Blob([new Uint8Array(bytes)]), name);
  return data;
}

/** A similarity model that answers when it is let, and remembers what it was asked. */
export class HeldModel {
  readonly batches: { readonly inputs: TrainedInput[]; readonly signal: AbortSignal }[] = [];
  #release: () => void = () => undefined;
  #released = new Promise<void>((resolve) => (this.#release = resolve));

  release(): void {
    this.#release();
  }

  /** Only what a server uses of a model. */
  get model(): TrainedModel {
    const embed = async (inputs: TrainedInput[], { signal }: { signal: AbortSignal }) => {
      this.batches.push({ inputs, signal });
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      await Promise.race([this.#released, aborted]);
      return inputs.map(({ id }) => ({ id: id!, embedding: Float32Array.of(1, 0), model: 'held' }));
    };
    return { saved: { kind: 'similarity' }, hash: 'held', embed } as never;
  }
}
