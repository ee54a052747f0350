import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { readWeights } from '@wbdc/checkpoints';
import { openWeights } from '@wbdc/checkpoints/node';
import { clipModelKeyMap, clipModelShapes, type ClipModelParams } from '@wbdc/clip-model';
import { loadClipModel, type LoadedClipModel } from '@wbdc/clip-model/node';
import { disposeTree, flatten, randomKey, symmetricInfoNce } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { distance, ENGINES, useEngine } from '../../../tools/testing.js';
import { decodeImage, parsePreprocessing, preprocess } from '../src/index.js';

interface Case {
  readonly kind: 'clip' | 'chinese';
  readonly texts: string[];
  readonly pictures: string[];
  readonly tokens: number[][];
  readonly mask: number[][];
  readonly pixels: number[];
  readonly text_embeds: number[];
  readonly image_embeds: number[];
  readonly logits_per_text: number[];
  readonly loss: number;
  /** The same of transformers in half precision. */
  readonly bfloat16: { readonly text_embeds: number[]; readonly image_embeds: number[] };
}

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const FOLDER = join(FIXTURES, 'clip-models');
const cases = JSON.parse(readFileSync(join(FIXTURES, 'clip-models.json'), 'utf8')) as Case[];

/** Pixels of picture files as the model's own file says `[N, 3, S, S]`. */
async function pixelsOf({ kind, pictures }: Case, size: number): Promise<tf.Tensor4D> {
  const json: unknown = JSON.parse(await readFile(join(FOLDER, kind, 'preprocessor_config.json'), 'utf8'));
  const settings = parsePreprocessing(json, size);
  const values = await Promise.all(
    pictures.map(async (name) => preprocess(await decodeImage(await readFile(join(FOLDER, name))), settings)),
  );
  return tf.tensor4d(Float32Array.from(values.flatMap((one) => [...one])), [pictures.length, 3, size, size]);
}

describe.each(ENGINES)('a published model, from picture files and strings on, on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(cases)('equals transformers in values and gradients: $kind', async (of) => {
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
    expect(distance(words.dataSync(), of.text_embeds)).toBeLessThan(1e-5);
    expect(distance(pictures.dataSync(), of.image_embeds)).toBeLessThan(1e-5);
    expect(distance(logits.dataSync(), of.logits_per_text)).toBeLessThan(1e-4);
    // Half precision has three digits: what it loses is not more than that.
    expect(distance(words.dataSync(), of.bfloat16.text_embeds)).toBeLessThan(0.02);
    expect(distance(pictures.dataSync(), of.bfloat16.image_embeds)).toBeLessThan(0.02);

    const expected = await gradientsOf(of.kind, config);
    const leaves = flatten(params);
    const loss = (): tf.Scalar => symmetricInfoNce(...embed(), params.logitScale).loss;
    const { value, grads } = tf.variableGrads(
      loss,
      leaves.map(({ leaf }) => leaf as tf.Variable),
    );
    expect(Math.abs(value.dataSync()[0] - of.loss)).toBeLessThan(1e-5);
    for (const { path, leaf } of leaves) {
      const [gradient, reference] = [grads[(leaf as tf.Variable).name].dataSync(), expected.get(path)!];
      // Adding the same to all keys changes no attention: what is there are rounding errors alone.
      const largest = path.endsWith('key.bias') ? 1 : reference.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(largest, path).toBeGreaterThan(1e-5);
      expect(distance(gradient, reference) / largest, path).toBeLessThan(1e-3);
    }
    disposeTree({ ...params });
  });
});

/** transformers' gradients by our paths. */
async function gradientsOf(kind: string, config: LoadedClipModel['config']): Promise<Map<string, Float32Array>> {
  const file = await openWeights(join(FOLDER, kind), { file: 'gradients.safetensors' });
  const { params } = await readWeights<ClipModelParams>(clipModelShapes(config), clipModelKeyMap(config), file);
  await file.close();
  const values = new Map(flatten(params).map(({ path, leaf }) => [path, leaf.dataSync<'float32'>().slice()]));
  disposeTree({ ...params });
  return values;
}

it('knows the paths and shapes of fresh models of both kinds', async () => {
  await useEngine('cpu');
  for (const { kind } of cases) {
    const { config, model, params } = await loadClipModel(join(FOLDER, kind));
    const fresh = model.init(randomKey(1));
    const shapesIn = (tree: ClipModelParams) => flatten(tree).map(({ path, leaf }) => [path, leaf.shape]);
    expect([...clipModelShapes(config)]).toEqual(shapesIn(fresh));
    expect(shapesIn(params)).toEqual(shapesIn(fresh));
  }
});

it('cuts texts to what the towers read', async () => {
  await useEngine('cpu');
  for (const [kind, length] of [
    ['clip', 24],
    ['chinese', 24],
  ] as const) {
    const { readTexts, model, params } = await loadClipModel(join(FOLDER, kind));
    const [long, short] = ['猫'.repeat(300), '猫'];
    const { tokens, textMask } = readTexts([long, short, '']);
    expect(tokens.shape).toEqual([3, length]);
    expect(textMask.data.slice(2 * length).reduce((a, b) => a + b)).toBe(2);
    expect(model.embedTexts(params, { tokens, textMask }).shape).toEqual([3, 9]);
  }
});

describe('preprocessor_config.json', () => {
  const crop = { size: { shortest_edge: 224 }, crop_size: { height: 224, width: 224 } };

  it.each([
    [{}, { imageSize: 224, filter: 'bicubic', statistics: 'clip' }],
    [
      { size: 256, crop_size: 224, resample: 2 },
      { imageSize: 224, resize: 256, filter: 'bilinear' },
    ],
    [{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }, { statistics: 'imagenet' }],
    [{ do_center_crop: false, size: { height: 224, width: 224 } }, { stretch: true }],
  ])('%j', (json, expected) => {
    expect(parsePreprocessing(json, 224)).toMatchObject(expected);
  });

  it.each([
    [[], 'preprocessor_config.json: expected an object, got []'],
    [{ do_resize: false }, 'do_resize: expected true, got false'],
    [{ resample: 0 }, 'resample: expected 2 (bilinear) or 3 (bicubic), got 0'],
    [{ image_mean: [0.5, 0.5, 0.5] }, "image_mean: expected CLIP's or ImageNet's"],
    [{ ...crop, crop_size: 336 }, 'crop_size: expected 224, as the tower has it, got 336'],
    [{ ...crop, size: 200 }, 'size: expected at least 224, got 200'],
    [{ ...crop, size: { height: 224, width: 224 } }, 'size: expected a shorter side where the square is cut out'],
    [
      { do_center_crop: false },
      'size: expected height and width of 224, as the tower has it, where nothing is cut off',
    ],
    [{ size: 'large' }, 'size: expected a shorter side, or height and width, got "large"'],
  ])('refuses %j', (json, message) => {
    expect(() => parsePreprocessing(json, 224)).toThrow(message);
  });
});
