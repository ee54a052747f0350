import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import type { LxmertModel } from '@wbdc/lxmert-model';
import { lxmertModelOnnx } from '@wbdc/lxmert-model/onnx';
import type { Batch } from '@wbdc/nn';
import type { UniModel } from '@wbdc/uni-model';
import { uniModelOnnx, type OnnxHead } from '@wbdc/uni-model/onnx';
import { openOnnx, type OnnxRuntime, type OnnxSession, type OnnxSessionOptions } from '@wbdc/video-features/onnx';
import { lxmertSizesOf, uniSizesOf } from '../encoder.js';
import { meanOf, type ReadModel, type TrainedHeads } from './read-model.js';

/** ONNX Runtime, to compute whole models in place of tfjs's engine. */
export interface OnnxOptions extends OnnxSessionOptions {
  /** The module itself: `await import('onnxruntime-node')`. */
  readonly runtime: OnnxRuntime;
}

/** What a model does with a batch, computed as one graph. */
export interface OnnxHeads {
  readonly heads: TrainedHeads;
  close(): Promise<void>;
}

/**
 * @throws WbdcError `onnx-provider` where there is no such provider here, or no GPU for it; as `quantizeOnnx` for a
 *   model that cannot be computed so
 */
export async function openOnnxHeads(model: ReadModel, { runtime, ...options }: OnnxOptions): Promise<OnnxHeads> {
  const head = onnxHeadOf(model);
  const session = await openOnnx(runtime, onnxOf(model, head), options);
  const run = async (batch: Batch, outputs: readonly string[]): Promise<tf.Tensor[]> => {
    const results = await session.run(feedsOf(batch, runtime), outputs);
    return outputs.map((name) => tensorOf(results[name]));
  };
  const named = head && (async (batch: Batch) => (await run(batch, [head.name]))[0] as Tensor2D);
  const embed = async (batch: Batch): Promise<Tensor2D> => {
    const [text, frames] = (await run(batch, ['text', 'frameStates'])) as Tensor3D[];
    const mean = tf.tidy(() => meanOf({ text, frames }, batch));
    tf.dispose([text, frames]);
    return mean;
  };
  const { kind } = model.saved;
  const heads: TrainedHeads = {
    ...(kind === 'category' && { classify: named! }),
    ...(kind === 'similarity' && { embed: named! }),
    ...(kind === 'pretrained' && { embed }),
    ...((kind === 'tags' || (kind === 'pretrained' && named)) && { tag: named! }),
  };
  return { heads, close: () => session.release() };
}

/** The inputs of the file, as `uniModelOnnx` says them. */
export function feedsOf({ tokens, segments, textMask, frames, frameMask }: Batch, { Tensor }: OnnxRuntime) {
  const table = { tokens, segments, textMask, frameMask };
  const ints = Object.entries(table).map(([name, { data, shape }]) => [name, new Tensor('int32', data, shape)]);
  const floats = ['frames', new Tensor('float32', frames.data, frames.shape)];
  return Object.fromEntries([...ints, floats]) as Record<string, never>;
}

function tensorOf(result: Awaited<ReturnType<OnnxSession['run']>>[string]): tf.Tensor {
  const { data, dims } = result;
  if (data instanceof Float32Array) return tf.tensor(data, [...dims]);
  throw new WbdcError({ where: 'ONNX Runtime', expected: 'float32 values', got: 'others' });
}

/** A model with its head as an ONNX file. @throws RangeError above 2 GB of weights, the limit of the format */
export function onnxOf({ saved, sizes, params }: ReadModel, head: OnnxHead | undefined): Uint8Array {
  const { sizes: model, frames } = saved;
  const { vocabSize, frameSize } = sizes;
  return model.kind === 'uni-model'
    ? uniModelOnnx(params.encoder as UniModel, uniSizesOf(model, frames, vocabSize, frameSize), head)
    : lxmertModelOnnx(params.encoder as LxmertModel, lxmertSizesOf(model, frames, vocabSize, frameSize), head);
}

/** The output for use: of a finetuning, else the tags where they were trained. */
export function onnxHeadOf({ saved, params }: ReadModel): OnnxHead | undefined {
  if (saved.kind !== 'pretrained') {
    const { output: linear, ...others } = params.head!;
    const relu = saved.kind === 'tags' && saved.head.activation === 'relu';
    return { ...HEADS[saved.kind], linear, ...others, pooling: saved.head.pooling, ...(relu && { relu }) };
  }
  if (params.heads === undefined) return undefined;
  const { output: linear, ...hidden } = params.heads.tag;
  const { pooling = 'cls', activation = null, of } = saved.tasks.tag ?? {};
  return { ...HEADS[of === 'category' ? 'category' : 'tags'], linear, ...hidden, pooling, relu: activation === 'relu' };
}

const HEADS = {
  similarity: { name: 'embedding', activation: 'unit' },
  category: { name: 'classes', activation: 'softmax' },
  tags: { name: 'tags', activation: 'sigmoid' },
} as const;
