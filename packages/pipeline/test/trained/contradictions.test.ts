import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { floats } from '@wbdc/nn';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { finetuneInMemory, openTrained } from '../../src/index.node.js';
import { exportTrained, openClip, saveTrained } from '../../src/node.js';
import type { Observer } from '../../src/observer.js';
import { bytesOf, MODEL_FILES, OLD, scratchFolder, TOWER } from './fixtures.js';

const PUBLISHED = fileURLToPath(new URL('../../../video-features/test/fixtures/clip-models/', import.meta.url));
const UNLIKE = 'do_lower_case false: the latter counts, as in transformers';

let folder: string;
beforeAll(async () => {
  folder = await scratchFolder();
  await tf.setBackend('cpu');
});

/** A copy of a model whose tokenizer.json lower-cases, and whose tokenizer_config.json does not. */
async function contradicting(name: string, source: string): Promise<string> {
  const path = join(folder, name);
  await cp(source, path, { recursive: true });
  await writeFile(join(path, 'tokenizer.json'), (await loadTokenizer(source)).toFiles()['tokenizer.json']);
  const config = { tokenizer_class: 'BertTokenizer', do_lower_case: false };
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(config));
  return path;
}

/** What is told while a model is read. */
async function told(read: (observer: Observer) => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  await read({ onWarning: (line) => lines.push(line) });
  return lines;
}

describe('files of a tokenizer that contradict each other are told', () => {
  it.each([
    ['of the clip stage', TOWER],
    ['published', join(PUBLISHED, 'chinese')],
  ])('of a CLIP %s', async (name, source) => {
    const path = await contradicting(name, source);
    const open = (from: string) => told(async (observer) => (await openClip(from, { observer })).close());
    expect(await open(path)).toEqual([expect.stringContaining(`${path}: tokenizer.json says lowercase true`)]);
    expect((await open(path))[0]).toContain(UNLIKE);
    expect(await open(source)).toEqual([]);
  });

  it("of a CLIP with its own byte pairs, by the same observer's word", async () => {
    const path = join(folder, 'pairs');
    await cp(join(PUBLISHED, 'clip'), path, { recursive: true });
    const read = async (name: string): Promise<string> => readFile(join(path, name), 'utf8');
    const vocab = JSON.parse(await read('vocab.json')) as object;
    const merges = (await read('merges.txt')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const model = { type: 'BPE', end_of_word_suffix: '</w>', vocab, merges };
    await writeFile(join(path, 'tokenizer.json'), JSON.stringify({ model, normalizer: { type: 'NFC' } }));
    const lines = await told(async (observer) => (await openClip(path, { observer })).close());
    expect(lines).toEqual([expect.stringContaining('tokenizer.json does not write in lower case')]);
  });

  it('of a model that is opened, saved, exported or finetuned', async () => {
    const path = await contradicting('category', join(OLD, 'category'));
    const out = join(folder, 'out');
    const videos = ['0101', '0202'].map((category, i) => ({
      id: category,
      category,
      features: floats([1, 8], ones(i)),
    }));
    const once = [expect.stringContaining(UNLIKE)];
    expect(await told(async (observer) => (await openTrained(path, { observer })).close())).toEqual(once);
    expect(await told((observer) => saveTrained(path, `${out}-s`, { observer, tower: null }))).toEqual(once);
    expect(await told((observer) => exportTrained(path, `${out}-e`, { observer, tower: null }))).toEqual(once);
    expect(await told((observer) => finetuneInMemory(path, videos, { observer, steps: 1 }))).toEqual(once);
    const files = bytesOf(path, MODEL_FILES);
    expect(await told(async (observer) => (await openTrained(files, { observer })).close())).toEqual(once);
  });
});

function ones(from: number): Float32Array {
  return Float32Array.from({ length: 8 }, (_, i) => from + i);
}
