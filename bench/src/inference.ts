/** A trained model of base size in 32, 16 and 8 bits: on stored features, on frames, and from zips to categories. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { CLIP_VIT_B32, clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { newHead } from '@wbdc/finetune';
import { disposeTree, foldIn, randomInt, randomKey } from '@wbdc/nn';
import { encoderOf, framesSchema, modelSchema, textSchema } from '@wbdc/pipeline';
import { syntheticTokenizer } from '@wbdc/pipeline/check';
import { exportTrained } from '@wbdc/pipeline/node';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { saveCheckpoint } from '@wbdc/train/node';
import * as ort from 'onnxruntime-node';
import { compare } from './compare.js';
import type { InferenceSettings, Work } from './contenders/inference.js';
import { readOptions } from './options.js';
import { makeVideos } from './pictures.js';
import { nodePeer } from './python.js';
import { publish } from './report.js';

const CLASSES = 200;
const FRAMES = 16;
/** Ideographs that the tokenizer has, from the first. */
const [FIRST_CHARACTER, CHARACTERS] = [0x4e00, 5000];
const WORK: Readonly<Record<Work, string>> = {
  embed: 'From texts and stored features to categories',
  features: 'From zips of JPEGs to features',
  predict: 'From texts and zips of JPEGs to categories',
};
const VARIANTS = ['fp32', 'fp16', 'int8', 'int8 calibrated'] as const;

const options = readOptions(6);
const { threads, small, sizes, rounds } = options;
const { batch = small ? 4 : 8, layers = small ? 2 : 12, width = small ? 128 : 768 } = sizes;
const vision = { ...CLIP_VIT_B32, layers, width, heads: width / 64, intermediateSize: 4 * width };
const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));
const at = (name: string): string => join(folder, name);

/** A model with its tower, fresh weights, and the same calibrated on the videos. */
async function makeModels(titles: readonly string[], videos: readonly string[]): Promise<string> {
  await tf.setBackend('cpu');
  const [tokenizer, frames] = [syntheticTokenizer(small ? 3000 : 21_128), framesSchema.parse({ limit: FRAMES })];
  const text = textSchema.parse({ fields: ['title'], budget: 128 });
  const model = modelSchema.parse({ width, layers, heads: width / 64, maxPositions: 512 });
  const tower = clipVision(vision).init(randomKey(3));
  mkdirSync(at('tower'));
  await saveClipVision(at('tower'), tower, vision);
  const encoder = encoderOf({ model, frames }, tokenizer.vocab.length, width).init(randomKey(1));
  const head = newHead(randomKey(2), { pooling: 'mean', outputs: CLASSES, dropout: 0.1, hiddenSize: width });
  const classes = Array.from({ length: CLASSES }, (_, i) => String(100 + i).padStart(4, '0'));
  const described = { model: model.kind, sizes: model, frames, text, features: null };
  await saveCheckpoint(at('model'), {
    params: { encoder, head },
    config: { ...described, kind: 'category', head: { pooling: 'mean', outputs: CLASSES }, classes },
    state: { step: 1, seed: 1 },
    files: [],
  });
  await saveTokenizer(tokenizer, at('model'));
  disposeTree([tower, encoder, { ...head }]);
  const inputs = titles.map((title, i) => ({ title, video: videos[i] }));
  const bytes: string[] = [];
  for (const dtype of ['fp32', 'fp16', 'int8'] as const) {
    const calibration = dtype === 'int8' ? { runtime: ort, inputs } : undefined;
    await exportTrained(at('model'), at(dtype), { tower: at('tower'), dtype, calibration, model: dtype === 'int8' });
    const sizeOf = (file: string): number => statSync(join(at(dtype), file)).size;
    bytes.push(`${dtype} ${sizeOf('model.onnx')} and ${sizeOf('tower.onnx')}`);
  }
  return `bytes of model.onnx and tower.onnx: ${bytes.join(', ')}`;
}

function titleOf(i: number): string {
  const key = foldIn(randomKey(5), i);
  const letter = (k: number): string => String.fromCodePoint(FIRST_CHARACTER + randomInt(key, k + 1, CHARACTERS));
  return Array.from({ length: 30 + randomInt(key, 0, 90) }, (_, k) => letter(k)).join('');
}

try {
  process.stderr.write('making pictures and weights\n');
  const titles = Array.from({ length: batch }, (_, i) => titleOf(i));
  const { paths } = await makeVideos(folder, 2 * batch, FRAMES);
  const bytes = await makeModels(titles, paths);
  const steps = Array.from({ length: rounds + 2 }, (_, i) => paths.slice((i % 2) * batch, ((i % 2) + 1) * batch));
  for (const work of Object.keys(WORK) as Work[]) {
    const settings: InferenceSettings = {
      ...{ work, threads, steps, titles, shape: [FRAMES, width] },
      ...{ model: at('model'), calibrated: join(at('int8'), 'model'), tower: at('tower') },
    };
    const path = at(`${work}.json`);
    writeFileSync(path, JSON.stringify(settings));
    const peer = (name: string) => nodePeer('inference.js', name, [path, name]);
    const comparison = await compare({
      ...options,
      reference: peer('fp32'),
      others: [peer('engine'), ...VARIANTS.slice(1).map(peer)],
      bytesEach: 2.5e9,
    });
    const amount = `${batch} videos of ${FRAMES} frames and 30 to 119 characters`;
    publish(
      {
        name: `inference ${work}`,
        work: `${WORK[work]}: ${amount} (${layers} x ${width}, ViT with patches of 32; ${threads} threads).`,
        comparison,
        ...{ amount: batch, unit: 'videos', baselines: ['fp32', 'engine'], result: 'first value' },
        notes: [bytes],
        data: { settings: { ...settings, steps: undefined } },
      },
      options,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
