import { cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { newHead } from '@wbdc/finetune';
import { disposeTree, randomKey } from '@wbdc/nn';
import { encoderOf } from '@wbdc/pipeline';
import { syntheticTokenizer } from '@wbdc/pipeline/check';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { saveCheckpoint } from '@wbdc/train/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { runIn } from '../host.js';

const VIDEO = join(import.meta.dirname, '../../../../packages/pipeline/test/fixtures/0.1.0/video.zip');
const WIDTH = 32;

let folder: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'wbdc-dtype-'));
  await cp(VIDEO, join(folder, 'a.zip'));
  await cp(VIDEO, join(folder, 'b.zip'));
  const vision = { imageSize: 16, patchSize: 8, width: WIDTH, layers: 1, heads: 2, intermediateSize: 64 };
  const tower = clipVision(vision).init(randomKey(1));
  await mkdir(join(folder, 'tower'));
  await saveClipVision(join(folder, 'tower'), tower, vision);
  const sizes = `model={width: ${WIDTH}, layers: 1, heads: 2, maxPositions: 16}`;
  const config = await loadConfig({ folder, set: [sizes, 'text.budget=9'] });
  const encoder = encoderOf(config, 48, WIDTH).init(randomKey(3));
  const [pooling, outputs] = ['mean', 40] as const;
  const head = newHead(randomKey(5), { pooling, outputs, dropout: 0.1, hiddenSize: WIDTH });
  const classes = Array.from({ length: outputs }, (_, i) => `01${String(i).padStart(2, '0')}`);
  const described = { model: 'uni-model', sizes: config.model, frames: config.frames, text: config.text };
  await saveCheckpoint(join(folder, 'model'), {
    params: { encoder, head },
    config: { ...described, kind: 'category', head: { pooling, outputs }, classes },
    state: { step: 1, seed: 1 },
    files: [],
  });
  await saveTokenizer(syntheticTokenizer(48), join(folder, 'model'));
  disposeTree([tower, encoder, { ...head }]);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (command: string, ...args: string[]) =>
  runIn(folder, [command, ...args, '--engine', 'cpu', '--checkpoint', 'model', '--tower', 'tower']);

it('predicts in 8 bits, says so in each line, and adds to no lines of another precision', async () => {
  const out = ['--out', 'lines.jsonl'];
  expect(await run('predict', 'a.zip', '--dtype', 'int8', ...out)).toMatchObject({ code: 0 });
  const [line] = (await readFile(join(folder, 'lines.jsonl'), 'utf8')).split('\n');
  expect(JSON.parse(line)).toMatchObject({ id: 'a', dtype: 'int8', category: expect.stringMatching(/^01/) as string });
  for (const other of [[], ['--dtype', 'fp16']]) {
    const { code, err } = await run('predict', 'a.zip', 'b.zip', '--resume', ...other, ...out);
    expect(code).toBe(1);
    expect(err).toMatch(/expected predictions of the same model \(\w+\), got 'a' of \w+/);
  }
  expect(await run('predict', 'a.zip', 'b.zip', '--dtype', 'int8', '--resume', ...out)).toMatchObject({ code: 0 });
  expect((await readFile(join(folder, 'lines.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2);
  const labelled = await runIn(folder, ['zero-shot', 'a.zip', '--labels', '猫', '--clip', 'tower', '--dtype', 'int8']);
  expect(labelled).toMatchObject({
    code: 2,
    err: expect.stringContaining('expected fp32 for a CLIP, got int8') as string,
  });
  const plain = await run('predict', 'a.zip', '--dtype', 'fp32');
  expect(JSON.parse(plain.out)).not.toHaveProperty('dtype');
});

it('exports 8 and 16 bits; what cannot be is said', async () => {
  const size = async (at: string) => (await stat(join(folder, at, 'model.onnx'))).size;
  for (const dtype of ['fp32', 'fp16', 'int8']) {
    expect(await run('export', '--dtype', dtype, '--out', dtype)).toMatchObject({ code: 0 });
  }
  expect(await size('fp16')).toBeLessThan(0.7 * (await size('fp32')));
  expect(await size('int8')).toBeLessThan(await size('fp16'));
  const failing = async (...args: string[]) => (await run('export', '--out', 'failing', ...args)).err;
  expect(await failing('--dtype', 'int4')).toContain("'--dtype <name>' argument 'int4' is invalid");
  const calibrating = await failing('--dtype', 'int8', '--calibrate', 'labeled');
  expect(calibrating).toContain('expected the annotations of a split called labeled, got no record of its data');
  expect(calibrating).toContain('give the folder of the data with --data');
  expect(await failing('--calibrate', 'labeled')).toContain('calibration: expected dtype int8 with it, got fp32');
});
