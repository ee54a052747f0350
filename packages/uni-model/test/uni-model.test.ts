import { readFile } from 'node:fs/promises';
import { flatten, floats, ints, randomKey } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  PARITY_BATCH,
  PARITY_SIZES,
  describeAttention,
  describeEncoder,
  describeRandomEncoders,
} from '../../../tools/encoder-parity.js';
import { useEngine } from '../../../tools/testing.js';
import { QQ_LARGE, TINY, WBDC_BASE, uniModel, uniModelShapes } from '../src/index.js';

const config = { ...PARITY_SIZES, frameSegment: 0 };

// The reference reads [CLS], frames, then the rest of the text: QQ's order.
describeEncoder('single-stream model', uniModel(config), new URL('fixtures/uni-model.json', import.meta.url));
describeAttention(
  'single-stream model',
  uniModel(config),
  new URL('fixtures/attention.json', import.meta.url),
  PARITY_BATCH,
);
describeRandomEncoders(
  'single-stream model',
  (sizes: typeof PARITY_SIZES) => uniModel({ ...sizes, frameSegment: 0 }),
  new URL('fixtures/random.json', import.meta.url),
);

describe('configuration', () => {
  beforeEach(() => useEngine('cpu'));

  const count = (c: typeof TINY): number => {
    const { hiddenSize: d, intermediateSize: i } = c;
    const layer = 4 * (d * d + d) + (d * i + i) + (i * d + d) + 4 * d;
    const text = (c.vocabSize + c.maxPositions + c.segments + 2) * d;
    return text + c.layers * layer + (c.frameSize * d + d) + (c.maxFrames + c.segments + 2) * d;
  };

  it('has the published sizes', () => {
    // bert-base-chinese and chinese-roberta-wwm-ext-large without their poolers, and the frames' own block.
    expect(count(WBDC_BASE)).toBe(102_267_648 - 590_592 + (768 * 768 + 768 + 36 * 768));
    expect(count(QQ_LARGE)).toBe(325_522_432 - 1_049_600 + (1536 * 1024 + 1024 + 36 * 1024));
  });

  it('has the sizes that the README says', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    for (const [name, preset] of Object.entries({ QQ_LARGE, WBDC_BASE, TINY })) {
      expect(readme).toMatch(new RegExp(`\\| \`${name}\` .*\\| ${count(preset).toLocaleString('en')} *\\|`));
    }
  });

  it('knows the paths and shapes of what it makes, in order', () => {
    const params = uniModel(config).init(randomKey(1));
    expect([...uniModelShapes(config)]).toEqual(flatten(params).map(({ path, leaf }) => [path, leaf.shape]));
  });

  it('counts what it makes', () => {
    const made = flatten(uniModel(config).init(randomKey(1))).reduce((sum, { leaf }) => sum + leaf.size, 0);
    expect(made).toBe(count(config));
  });

  it.each([
    [{ heads: 3 }, 'expected hiddenSize to be a multiple of heads, got 14 and 3'],
    [{ layers: 0 }, 'expected layers to be a whole number from 1, got 0'],
    [{ dropout: 1 }, 'expected dropout in [0, 1), got 1'],
    [{ frameSegment: 2 }, 'expected frameSegment in [0, segments = 2), got 2'],
  ])('refuses %o', (wrong, message) => {
    expect(() => uniModel({ ...config, ...wrong })).toThrow(message);
  });

  it.each([
    [{ frames: floats([3, 5, 11]) }, 'expected frame features of width 13, got 11'],
    [{ frames: floats([3, 7, 13]), frameMask: ints([3, 7]) }, 'expected at most 5 frames, got 7'],
    [{ tokens: ints([3, 7], new Int32Array(21).fill(23)) }, 'expected token ids below 23, got 23'],
  ])('refuses a batch that does not fit', (wrong, message) => {
    const model = uniModel(config);
    expect(() => model.encode(model.init(randomKey(1)), { ...PARITY_BATCH, ...wrong }, {})).toThrow(message);
  });
});
