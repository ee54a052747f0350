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
import { BASE, LARGE, TINY, lxmertModel, lxmertModelShapes, type LxmertModelConfig } from '../src/index.js';

const config: LxmertModelConfig = { ...PARITY_SIZES, videoLayers: 2, videoActivation: 'erf', crossLayers: 2 };

// The reference is made of transformers' BertModel, ViTLayer and LxmertXLayer.
describeEncoder('double-stream model', lxmertModel(config), new URL('fixtures/lxmert-model.json', import.meta.url));
// ViT's attention takes no mask: all frames are there.
describeAttention('double-stream model', lxmertModel(config), new URL('fixtures/attention.json', import.meta.url), {
  ...PARITY_BATCH,
  frameMask: ints([3, 5], new Int32Array(15).fill(1)),
});
describeRandomEncoders(
  'double-stream model',
  (sizes: LxmertModelConfig) => lxmertModel({ ...sizes, videoActivation: 'erf' }),
  new URL('fixtures/random.json', import.meta.url),
);

describe('configuration', () => {
  beforeEach(() => useEngine('cpu'));

  const count = (c: LxmertModelConfig): number => {
    const { hiddenSize: d, intermediateSize: i } = c;
    const attention = 4 * (d * d + d) + 2 * d; // with its normalisation
    const layer = attention + (d * i + i) + (i * d + d) + 2 * d;
    const text = (c.vocabSize + c.maxPositions + c.segments + 2) * d + c.layers * layer;
    const video = c.frameSize * d + d + (2 + c.maxFrames) * d + c.videoLayers * layer + 2 * d;
    return text + video + c.crossLayers * (attention + 2 * layer);
  };

  it('knows the paths and shapes of what it makes, in order', () => {
    const params = lxmertModel(config).init(randomKey(1));
    expect([...lxmertModelShapes(config)]).toEqual(flatten(params).map(({ path, leaf }) => [path, leaf.shape]));
  });

  it('counts what it makes', () => {
    const made = flatten(lxmertModel(config).init(randomKey(1))).reduce((sum, { leaf }) => sum + leaf.size, 0);
    expect(made).toBe(count(config));
  });

  it('has the sizes that the README says', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    for (const [name, preset] of Object.entries({ TINY, BASE, LARGE })) {
      expect(readme).toMatch(new RegExp(`\\| \`${name}\` .*\\| ${count(preset).toLocaleString('en')} *\\|`));
    }
  });

  it.each([
    [{ heads: 3 }, 'expected hiddenSize to be a multiple of heads, got 14 and 3'],
    [{ crossLayers: 0 }, 'expected crossLayers to be a whole number from 1, got 0'],
    [{ dropout: 1 }, 'expected dropout in [0, 1), got 1'],
    [{ videoNorm: 'both' as 'pre' }, "expected videoNorm 'pre' or 'post', got 'both'"],
    [{ videoActivation: 'relu' as 'erf' }, "expected videoActivation 'erf' or 'quick', got 'relu'"],
  ])('refuses %o', (wrong, message) => {
    expect(() => lxmertModel({ ...config, ...wrong })).toThrow(message);
  });

  it.each([
    [{ frames: floats([3, 5, 11]) }, 'expected frame features of width 13, got 11'],
    [{ frames: floats([3, 7, 13]), frameMask: ints([3, 7]) }, 'expected at most 5 frames, got 7'],
    [{ tokens: ints([3, 7], new Int32Array(21).fill(23)) }, 'expected token ids below 23, got 23'],
  ])('refuses a batch that does not fit', (wrong, message) => {
    const model = lxmertModel(config);
    expect(() => model.encode(model.init(randomKey(1)), { ...PARITY_BATCH, ...wrong }, {})).toThrow(message);
  });
});
