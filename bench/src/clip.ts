/** Forward and backward of CLIP's vision tower, ViT-B/32. */
import { CLIP_VIT_B32 } from '@wbdc/clip-model';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { publish } from './report.js';

const options = readOptions(10);
const { threads, small, sizes } = options;
const { batch = 8, layers = small ? 2 : 12, width = small ? 128 : 768 } = sizes;
const tower = { ...CLIP_VIT_B32, layers, width, heads: width / 64, intermediateSize: 4 * width };
const settings = { ...tower, batch, threads };
const text = JSON.stringify(settings);
const python = findPython('torch');
const torch = (precision: string) =>
  pythonPeer(
    python!,
    'clip_vision.py',
    precision === 'fp32' ? 'torch' : `torch ${precision}`,
    [precision, text],
    threads,
  );

const comparison = await compare({
  ...options,
  reference: nodePeer('clip-vision.js', 'ort', ['ort', text]),
  others: [
    ...(python ? [torch('fp32'), torch('bf16')] : []),
    nodePeer('clip-vision.js', 'tensorflow', ['tensorflow', text]),
  ],
  bytesEach: 4e8 + 1000 * layers * width * (width / 12 + 1.5 * batch),
});
publish(
  {
    name: 'clip',
    work:
      `Forward and backward of a ViT with patches of 32 (${layers} x ${width}, ${batch} pictures of 224 x ` +
      `224, ${threads} threads).`,
    comparison,
    amount: batch,
    unit: 'pictures',
    baselines: ['torch'],
    notes: python ? [] : [withoutPython('torch')],
    data: { settings },
  },
  options,
);
