import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeImage, readFrameZip, type Image } from '@wbdc/video-features';
import { afterAll } from 'vitest';

/** Models of 0.1.0: `category`, `similarity`, `pretrained` and `clip`. */
export const OLD = join(import.meta.dirname, '..', 'fixtures', '0.1.0');
export const TOWER = join(OLD, 'clip');
export const VIDEO = join(OLD, 'video.zip');
export const TEXTS = { title: '包裹', ocr: '包裹寄包裹' };

/** A line of a fixture. */
export function expectedLine<T>(name: 'embed' | 'predict'): T {
  return JSON.parse(readFileSync(join(OLD, `${name}.jsonl`), 'utf8')) as T;
}

export const videoBytes = (): Uint8Array => readFileSync(VIDEO);

/** The pictures of the video, decoded. */
export async function videoFrames(): Promise<Image[]> {
  const files = await readFrameZip(VIDEO);
  return Promise.all(files.map(({ bytes }) => decodeImage(bytes)));
}

/** A folder that goes with the test file. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-trained-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The contents of a model's files by name. */
export function bytesOf(folder: string, names: readonly string[], prefix = ''): Record<string, Uint8Array> {
  return Object.fromEntries(names.map((name) => [prefix + name, readFileSync(join(folder, name))]));
}

export const MODEL_FILES = ['config.json', 'model.safetensors', 'vocab.txt', 'tokenizer.json', 'tokenizer_config.json'];
