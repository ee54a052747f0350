import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { readWeights } from '@wbdc/checkpoints';
import { openWeights } from '@wbdc/checkpoints/node';
import { clipModelKeyMap, clipModelShapes, type ClipModelParams } from '@wbdc/clip-model';
import { loadClipModel } from '@wbdc/clip-model/node';
import { disposeTree, flatten, symmetricInfoNce } from '@wbdc/nn';
import { expect } from 'vitest';
import { distance } from '../../../tools/testing.js';
import { decodeImage, parsePreprocessing, preprocess } from '../src/index.js';

export interface Case {
  readonly kind: 'clip' | 'chinese';
  readonly texts: string[];
  readonly pictures: string[];
  readonly tokens: number[][];
  readonly mask: number[][];
  readonly pixels: number[];
  /** What transformers computes from one file of weights, by the precision of its arithmetic. */
  readonly float32: Computed;
  readonly bfloat16: Computed;
  readonly float16: Computed;
}

interface Computed {
  readonly text_embeds: number[];
  readonly image_embeds: number[];
  readonly logits_per_text: number[];
  readonly loss: number;
}
export type Precision = 'float32' | 'bfloat16' | 'float16';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
export const FOLDER = join(FIXTURES, 'clip-models');
export const cases = JSON.parse(readFileSync(join(FIXTURES, 'clip-models.json'), 'utf8')) as Case[];

/** Pixels of picture files as the model's own file says `[N, 3, S, S]`. */
async function pixelsOf({ kind, pictures }: Case, size: number): Promise<tf.Tensor4D> {
  const json: unknown = JSON.parse(await readFile(join(FOLDER, kind, 'preprocessor_config.json'), 'utf8'));
  const settings = parsePreprocessing(json, size);
  const values = await Promise.all(
    pictures.map(async (name) => preprocess(await decodeImage(await readFile(join(FOLDER, name))), settings)),
  );
  return tf.tensor4d(Float32Array.from(values.flatMap((one) => [...one])), [pictures.length, 3, size, size]);
}

/** What we compute of a published model, from picture files and strings on. */
export async function compute(of: Case): Promise<Computed & { readonly gradients: ReadonlyMap<string, Float32Array> }> {
  const { model, params, config, readTexts, report } = await loadClipModel(join(FOLDER, of.kind));
  expect(report.missing).toEqual([]);
  const texts = readTexts(of.texts);
  expect([...texts.textMask.data]).toEqual(of.mask.flat());
  expect([...texts.tokens.data]).toEqual(of.tokens.flat());
  const pixels = await pixelsOf(of, config.vision.imageSize);
  expect(distance(pixels.dataSync(), of.pixels)).toBeLessThan(1e-5);
  const embed = () => [model.embedTexts(params, texts), model.embedPictures(params, pixels)] as const;
  const [words, pictures] = embed();
  const logits = model.logits(params, words, pictures);
  const leaves = flatten(params);
  const loss = (): tf.Scalar => symmetricInfoNce(...embed(), params.logitScale).loss;
  const { value, grads } = tf.variableGrads(
    loss,
    leaves.map(({ leaf }) => leaf as tf.Variable),
  );
  const valuesOf = (tensor: tf.Tensor): Float32Array => tensor.dataSync<'float32'>().slice();
  const computed = {
    text_embeds: [...valuesOf(words)],
    image_embeds: [...valuesOf(pictures)],
    logits_per_text: [...valuesOf(logits)],
    loss: valuesOf(value)[0],
    gradients: new Map(leaves.map(({ path, leaf }) => [path, valuesOf(grads[(leaf as tf.Variable).name])])),
  };
  disposeTree({ ...params });
  return computed;
}

/** How far we may be from transformers: in unit vectors, cosines times 4.5, the loss, gradients by their norm. */
interface Tolerance {
  readonly embeds: number;
  readonly logits: number;
  readonly loss: number;
  readonly gradients: number;
}

/**
 * Float32 differs by the order of sums. Half precision has 8 and 11 bits, and transformers rounds every step to them:
 * it is as far from its own float32, most of all in the gradients of Chinese-CLIP, which are small here.
 */
const TOLERANCES: Readonly<Record<Precision, Tolerance>> = {
  float32: { embeds: 1e-5, logits: 1e-4, loss: 1e-5, gradients: 1e-3 },
  bfloat16: { embeds: 1e-2, logits: 5e-2, loss: 1e-2, gradients: 0.35 },
  float16: { embeds: 2e-3, logits: 6e-3, loss: 3e-3, gradients: 4e-2 },
};

export async function expectClose(
  ours: Awaited<ReturnType<typeof compute>>,
  of: Case,
  precision: Precision,
): Promise<void> {
  const [theirs, within] = [of[precision], TOLERANCES[precision]];
  const gradients = await gradientsOf(of.kind, precision);
  const seen = {
    embeds: Math.max(distance(ours.text_embeds, theirs.text_embeds), distance(ours.image_embeds, theirs.image_embeds)),
    logits: distance(ours.logits_per_text, theirs.logits_per_text),
    loss: Math.abs(ours.loss - theirs.loss),
    gradients: relativeError(ours.gradients, gradients),
  };
  for (const [what, most] of Object.entries(within))
    expect(seen[what as keyof typeof seen], `${what} in ${precision}`).toBeLessThan(most);
}

/** The norm of the difference of all gradients over theirs. */
function relativeError(ours: ReadonlyMap<string, Float32Array>, theirs: ReadonlyMap<string, Float32Array>): number {
  let [difference, length] = [0, 0];
  for (const [path, reference] of theirs) {
    reference.forEach((value, i) => {
      difference += (ours.get(path)![i] - value) ** 2;
      length += value ** 2;
    });
  }
  return Math.sqrt(difference / length);
}

/** transformers' gradients by our paths. */
export async function gradientsOf(kind: string, precision: Precision): Promise<Map<string, Float32Array>> {
  const { config, params: own } = await loadClipModel(join(FOLDER, kind));
  disposeTree({ ...own });
  const file = await openWeights(join(FOLDER, kind), { file: `gradients.${precision}.safetensors` });
  const { params } = await readWeights<ClipModelParams>(clipModelShapes(config), clipModelKeyMap(config), file);
  await file.close();
  const values = new Map(flatten(params).map(({ path, leaf }) => [path, leaf.dataSync<'float32'>().slice()]));
  disposeTree({ ...params });
  return values;
}
