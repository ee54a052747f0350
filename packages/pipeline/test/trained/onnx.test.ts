import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { WEBGPU } from '../../../../tools/testing.js';
import { openTrained, type OnnxOptions, type TrainedModel } from '../../src/index.node.js';
import { OLD, TEXTS, TOWER, VIDEO } from './fixtures.js';

const FEATURES = [0, 1, 2].map((i) => Array.from({ length: 8 }, (_, k) => Math.sin(3 * i + k)));
/** A file, features, and a video of texts alone, in one batch. */
const INPUTS = [
  { id: 'a', video: VIDEO, ...TEXTS },
  { id: 'b', features: FEATURES, title: '旗子' },
  { id: 'c', features: [], title: '笑脸' },
];

beforeAll(() => tf.setBackend('cpu'));

async function rows(kind: string, use: (model: TrainedModel) => PromiseLike<unknown>, onnx?: OnnxOptions) {
  const before = tf.memory().numTensors;
  const model = await openTrained(join(OLD, kind), { tower: TOWER, onnx });
  try {
    return await use(model);
  } finally {
    await model.close();
    expect(tf.memory().numTensors).toBe(before);
  }
}

/** The same names, and the same numbers up to rounding. */
function expectSame(actual: unknown, expected: unknown): void {
  if (typeof expected === 'number') expect(Math.abs(Number(actual) - expected)).toBeLessThan(1e-5);
  else if (typeof expected !== 'object' || expected === null) expect(actual).toBe(expected);
  else
    for (const [key, value] of Object.entries(expected)) {
      expectSame((actual as typeof expected)[key as never], value);
    }
}

const PROVIDERS = ['cpu', ...(WEBGPU ? (['webgpu'] as const) : [])] as const;

describe.each(PROVIDERS)('whole graphs on the provider %s', (provider) => {
  it.each([
    ['category', (model) => model.classify(INPUTS)],
    ['similarity', (model) => model.embed(INPUTS)],
    ['pretrained', (model) => model.tag(INPUTS)],
    ['pretrained', (model) => model.embed(INPUTS)],
  ] as readonly (readonly [string, (model: TrainedModel) => PromiseLike<unknown>])[])(
    'say of a %s model what tfjs says',
    async (kind, use) => {
      const expected = (await rows(kind, use)) as object[];
      expect(expected).toHaveLength(3);
      expectSame(await rows(kind, use, { runtime: ort, provider, threads: 1 }), expected);
    },
  );
});

it('a runtime without the provider, or without a GPU, is told with what to do', async () => {
  const create = async (): Promise<never> => Promise.reject(new Error('no available backend found.\nmore'));
  const runtime = { InferenceSession: { create }, Tensor: ort.Tensor };
  const opening = openTrained(join(OLD, 'category'), { tower: TOWER, onnx: { runtime, provider: 'webgpu' } });
  await expect(opening).rejects.toThrow(
    "provider 'webgpu': expected a GPU with a driver for Vulkan, Metal or Direct3D 12, and onnxruntime-node 1.30, " +
      "got no available backend found.: use provider 'cpu'",
  );
});
