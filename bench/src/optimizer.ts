/** One AdamW update of all parameters of BERT-base. */
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { publish } from './report.js';

const options = readOptions(20);
const { threads, small, sizes } = options;
const { layers = small ? 2 : 12, width = small ? 128 : 768 } = sizes;
const vocabulary = small ? 3001 : 21128;
const shapes = [
  [vocabulary, width],
  [512, width],
  [2, width],
  [width],
  [width],
  ...Array.from({ length: layers }, layer).flat(),
];
const settings = JSON.stringify({ shapes, threads });
const python = findPython('torch');
const kinds = ['fused', 'foreach', 'default'];
const torch = kinds.map((kind) => pythonPeer(python ?? '', 'adamw.py', `torch ${kind}`, [kind, settings], threads));
const parameters = shapes.reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0);

/** Shapes of a transformer layer: attention, feed forward, two normalisations. */
function layer(): number[][] {
  const square = [[width, width], [width]];
  const hidden = 4 * width;
  return [
    ...square,
    ...square,
    ...square,
    ...square,
    [width, hidden],
    [hidden],
    [hidden, width],
    ...Array.from({ length: 5 }, () => [width]),
  ];
}

const comparison = await compare({
  ...options,
  reference: nodePeer('adamw.js', 'ort', ['ort', settings]),
  others: [...(python ? torch : []), nodePeer('adamw.js', 'tensorflow', ['tensorflow', settings])],
  bytesEach: 4e8 + 24 * parameters,
});
publish(
  {
    name: 'optimizer',
    work:
      `An AdamW update of ${(parameters / 1e6).toFixed(1)} million parameters in ${shapes.length} tensors ` +
      `(${layers} x ${width}, ${threads} threads).`,
    comparison,
    amount: parameters / 1e6,
    unit: 'million parameters',
    baselines: ['torch fused', 'torch foreach'],
    notes: python ? [] : [withoutPython('torch')],
  },
  options,
);
