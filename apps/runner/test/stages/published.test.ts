import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disposeTree, newBert, randomKey } from '@wbdc/nn';
import { saveBert } from '@wbdc/checkpoints/node';
import { pretraining } from '@wbdc/pretrain-tasks';
import { clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { Output } from '../../src/core/output.js';
import { bertSizesOf, encoderOf, planOf } from '@wbdc/pipeline';
import { FOLDER_BERT, FOLDER_TOKENIZER, valuesOf } from '../../../../tools/encoder-parity.js';
import { startFromBert, startFromClipVision } from '../../src/stages/published.js';

let folder: string;
let said: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-published-'));
  said = '';
});
afterEach(() => rm(folder, { recursive: true }));

function output(): Output {
  const stream = { write: (text: string): void => void (said += text) };
  return new Output({ stdout: stream, stderr: stream, env: {}, folder, now: () => 0 }, {});
}

const tokenizer = FOLDER_TOKENIZER;
const published = FOLDER_BERT;
const SIZES = ['model.width=6', 'model.layers=2', 'model.heads=3', 'model.intermediate=11', 'model.maxPositions=13'];

async function freshModel(...set: string[]) {
  const config = await loadConfig({ folder, set: [...SIZES, 'text.budget=13', 'tasks.tag=null', ...set] });
  const model = pretraining(encoderOf(config, 7, 5), planOf(config, tokenizer, 0));
  return { params: model.init(randomKey(1)), sizes: bertSizesOf(config.model, 7) };
}

describe.each(['uni-model', 'lxmert-model'])('startFromBert of a %s', (kind) => {
  const start = { setting: 'model.init', folder: 'bert', path: 'encoder.bert.', mlmHead: 'heads.mlm' };

  it('loads the encoder and the head, leaves the rest, and prints the table', async () => {
    const bert = newBert(randomKey(9), published);
    const other = await freshModel(`model.kind=${kind}`);
    await saveBert(join(folder, 'bert'), bert, published, { mlmHead: other.params.heads['mlm'] });
    const { params, sizes } = await freshModel(`model.kind=${kind}`, 'seed=2');
    const before = valuesOf(params);
    await startFromBert(params, sizes, start, { output: output() });
    const expected = new Map([
      ...valuesOf({ encoder: { bert } }),
      ...valuesOf({ heads: { mlm: other.params.heads['mlm'] } }),
    ]);
    for (const [path, values] of valuesOf(params)) expect(values, path).toEqual(expected.get(path) ?? before.get(path));
    expect(said).toMatch(/42 parameters loaded .* new, 0 tensors ignored/);
    expect(said).toMatch(/loaded +heads\.mlm\.bias +cls\.predictions\.bias/);
    for (const tree of [bert, other.params, params]) disposeTree(tree);
  });

  it('takes a checkpoint without the head', async () => {
    const bert = newBert(randomKey(9), published);
    await saveBert(join(folder, 'bert'), bert, published);
    const { params, sizes } = await freshModel(`model.kind=${kind}`);
    await startFromBert(params, sizes, start, { output: output() });
    expect(said).toMatch(/new +heads\.mlm\.bias +missing, allowed by allowMissing/);
    for (const tree of [bert, params]) disposeTree(tree);
  });

  it('refuses other sizes, the number of heads among them', async () => {
    const bert = newBert(randomKey(9), published);
    await saveBert(join(folder, 'bert'), bert, published);
    const { params, sizes } = await freshModel(`model.kind=${kind}`);
    await expect(startFromBert(params, { ...sizes, heads: 2 }, start, { output: output() })).rejects.toThrow(
      /^model\.init: .*bert holds a model of other sizes:\n {2}heads: expected 2 by the configuration, got 3\n/,
    );
    for (const tree of [bert, params]) disposeTree(tree);
  });
});

describe('startFromClipVision', () => {
  const sizes = { imageSize: 6, patchSize: 3, width: 10, layers: 1, heads: 2, intermediateSize: 7 };
  const start = { setting: 'clip.vision.init', folder: 'clip', path: 'vision.' };

  it('loads the tower', async () => {
    const tower = clipVision(sizes);
    const [there, vision] = [tower.init(randomKey(5)), tower.init(randomKey(6))];
    await saveClipVision(join(folder, 'clip'), there, sizes);
    await startFromClipVision({ vision }, sizes, start, { output: output() });
    expect(valuesOf(vision)).toEqual(valuesOf(there));
    await expect(
      startFromClipVision({ vision }, { ...sizes, activation: 'erf' }, start, { output: output() }),
    ).rejects.toThrow('activation: expected erf by the configuration, got quick');
    for (const tree of [there, vision]) disposeTree(tree);
  });
});
