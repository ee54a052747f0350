/** From zips of JPEGs to frame features: ours against one ONNX graph in onnxruntime-node and against PyTorch. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey } from '@wbdc/nn';
import { CLIP_VIT_B32, clipVision, type ClipVisionConfig } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { clipVisionOnnx } from '@wbdc/clip-model/onnx';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { makeVideos } from './pictures.js';
import type { KernelRow, Peer } from './peer.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { publish } from './report.js';
import { digits } from './statistics.js';
import { formatTable } from './table.js';

const FRAMES = 16;

const options = readOptions(8);
const { threads, small, sizes, rounds } = options;
const { batch = small ? 8 : 32, layers = small ? 2 : 12, width = small ? 128 : 768 } = sizes;
const config = { ...CLIP_VIT_B32, layers, width, heads: width / 64, intermediateSize: 4 * width };
/** Of a step: several batches, so that a pipeline has something to overlap. */
const pictures = 4 * batch;
const videos = pictures / FRAMES;
const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));

/** The tower's files, the same weights for all; gives the number of parameters. */
async function makeTower(): Promise<number> {
  await tf.setBackend('cpu');
  const params = clipVision(config as ClipVisionConfig).init(randomKey(3));
  await saveClipVision(join(folder, 'tower'), params, config);
  writeFileSync(join(folder, 'tower.onnx'), clipVisionOnnx(params, config, { hidden: true }));
  return flatten(params).reduce((total, { leaf }) => total + leaf.size, 0);
}

let parts: { seconds: number; kernels: KernelRow[] } | undefined;
async function afterwards([ours]: readonly Peer[]): Promise<void> {
  parts ??= await ours.profile(rounds); // the first group's: ours is in every one
}

function formatParts({ kernels, seconds }: { kernels: readonly KernelRow[]; seconds: number }): string {
  const row = ({ kernel, milliseconds }: KernelRow): string[] => [
    kernel,
    digits(milliseconds),
    `${digits(milliseconds / seconds / 10)} %`,
  ];
  return formatTable(['where the time of one more step of ours goes', 'ms', 'share'], kernels.map(row));
}

try {
  process.stderr.write('making pictures and weights\n');
  const made = await makeVideos(folder, 2 * Math.ceil(videos), FRAMES);
  const parameters = await makeTower();
  const steps = Array.from({ length: rounds + 2 }, (_, i) =>
    made.paths.slice((i % 2) * videos, ((i % 2) + 1) * videos),
  );
  const settings = { folder, batch, threads, parameters, steps };
  const argument = (more: object = {}): string => {
    const path = join(folder, `settings-${Object.values(more).join('-')}.json`);
    writeFileSync(path, JSON.stringify({ ...settings, ...more }));
    return path;
  };
  const python = findPython('torch, transformers, PIL');
  const comparison = await compare({
    ...options,
    reference: nodePeer('features.js', 'ours', [argument({ resizer: 'pillow' })]),
    others: [
      nodePeer('features.js', 'ours fast resize', [argument({ resizer: 'fast' })]),
      nodePeer('features-onnx.js', 'onnxruntime', [argument()]),
      nodePeer('features-transformers-js.js', 'transformers.js', [argument()]),
      ...(python ? [pythonPeer(python, 'features.py', 'torch', [argument()], threads)] : []),
    ],
    bytesEach: 1.5e9,
    afterwards,
  });
  publish(
    {
      name: 'features',
      work:
        `${pictures} JPEGs in zips (a third each of 640 x 360, 960 x 540 and 1280 x 720, ` +
        `${digits(made.bytes / 1000)} kB on ` +
        `average) to features of a ViT with patches of 32 (${layers} x ${width}, 224 pixels, batches of ` +
        `${batch}, ${threads} threads).`,
      comparison,
      amount: pictures,
      unit: 'pictures',
      baselines: ['onnxruntime', 'torch'],
      result: 'mean size of a feature',
      notes: python ? [] : [withoutPython('torch, transformers and PIL')],
      more: parts ? [formatParts(parts)] : [],
      data: { settings: { ...settings, steps: undefined }, parts },
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
