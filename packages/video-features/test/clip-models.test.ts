import { join } from 'node:path';
import { clipModelShapes, type ClipModelParams } from '@wbdc/clip-model';
import { loadClipModel } from '@wbdc/clip-model/node';
import { flatten, randomKey } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { distance, ENGINES, useEngine } from '../../../tools/testing.js';
import { parsePreprocessing } from '../src/index.js';
import { cases, compute, expectClose, FOLDER, gradientsOf } from './clip-models.js';

describe.each(ENGINES)('a published model, from picture files and strings on, on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(cases)('equals transformers in values and gradients, in every precision: $kind', async (of) => {
    const ours = await compute(of);
    for (const precision of ['float32', 'bfloat16', 'float16'] as const) await expectClose(ours, of, precision);
    for (const [path, reference] of await gradientsOf(of.kind, 'float32')) {
      // Adding the same to all keys changes no attention: what is there are rounding errors alone.
      const largest = path.endsWith('key.bias') ? 1 : reference.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(largest, path).toBeGreaterThan(1e-5);
      expect(distance(ours.gradients.get(path)!, reference) / largest, path).toBeLessThan(1e-3);
    }
  });
});

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
