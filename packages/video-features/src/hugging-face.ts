import { parameter, sizeOf, type Linear, type Norm } from '@wbdc/nn';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { ClipVisionConfig, ClipVisionParams } from './clip-vision.js';

/** Named tensors of a checkpoint; what `openSafetensors` of `@wbdc/nn/node` gives fits. */
export interface Checkpoint {
  readonly path: string;
  readonly tensors: { has(name: string): boolean };
  read(name: string): Promise<{ readonly data: Float32Array | Int32Array; readonly shape: readonly number[] }>;
}

/**
 * The vision tower's parameters from a checkpoint in Hugging Face's layout (`CLIPModel`, `CLIPVisionModel`, with or
 * without projection). Dense weights are transposed to `[in, out]`; the patch convolution `[D, 3, P, P]` becomes the matrix
 * `[3 * P * P, D]`.
 *
 * @throws Error that names the tensor when one is missing or has another shape than the configuration asks for
 */
export async function loadClipVision(config: ClipVisionConfig, checkpoint: Checkpoint): Promise<ClipVisionParams> {
  const { width, patchSize, imageSize, intermediateSize } = config;
  const tensors = reader(checkpoint);
  const embeddings = 'vision_model.embeddings';
  const layer = async (i: number) => {
    const at = `vision_model.encoder.layers.${i}`;
    return {
      attention: {
        query: await tensors.linear(`${at}.self_attn.q_proj`, width, width),
        key: await tensors.linear(`${at}.self_attn.k_proj`, width, width),
        value: await tensors.linear(`${at}.self_attn.v_proj`, width, width),
        output: await tensors.linear(`${at}.self_attn.out_proj`, width, width),
      },
      attentionNorm: await tensors.norm(`${at}.layer_norm1`, width),
      intermediate: await tensors.linear(`${at}.mlp.fc1`, width, intermediateSize),
      output: await tensors.linear(`${at}.mlp.fc2`, intermediateSize, width),
      outputNorm: await tensors.norm(`${at}.layer_norm2`, width),
    };
  };
  return {
    patch: await tensors.matrix(`${embeddings}.patch_embedding.weight`, [width, 3, patchSize, patchSize]),
    classToken: await tensors.vector(`${embeddings}.class_embedding`, width),
    position: await tensors.table(`${embeddings}.position_embedding.weight`, (imageSize / patchSize) ** 2 + 1, width),
    preNorm: await tensors.norm('vision_model.pre_layrnorm', width), // the misspelling is Hugging Face's
    layers: await inOrder(config.layers, layer),
    postNorm: await tensors.norm('vision_model.post_layernorm', width),
    ...(config.projection && {
      projection: await tensors.matrix('visual_projection.weight', [config.projection, width]),
    }),
  };
}

/** One after another: a large checkpoint is not read into memory twice at once. */
async function inOrder<T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let i = 0; i < count; i++) made.push(await make(i));
  return made;
}

function reader({ path, tensors, read }: Checkpoint) {
  const values = async (name: string, shape: readonly number[]): Promise<Float32Array> => {
    // Since transformers 5, a lone CLIPVisionModel may be saved without the prefix.
    const stored = tensors.has(name) ? name : name.replace('vision_model.', '');
    if (!tensors.has(stored)) {
      throw new Error(
        `${path}: expected a tensor ${name}, found none. Is it a CLIP checkpoint in Hugging Face's layout, ` +
          'and do layers and projection of the configuration fit?',
      );
    }
    const { data, shape: got } = await read(stored);
    if (got.join() !== shape.join()) {
      throw new Error(
        `${path}: ${stored}: expected the shape [${shape.join(', ')}], got [${got.join(', ')}]. ` +
          'Give the configuration that belongs to the checkpoint (its config.json).',
      );
    }
    return data instanceof Float32Array ? data : Float32Array.from(data);
  };
  const vector = async (name: string, size: number): Promise<Tensor1D> =>
    parameter(await values(name, [size]), [size]) as Tensor as Tensor1D;
  const table = async (name: string, rows: number, columns: number): Promise<Tensor2D> =>
    parameter(await values(name, [rows, columns]), [rows, columns]) as Tensor as Tensor2D;
  /** `[out, ...in]` as `[in, out]`, transposed before it becomes a tensor: a variable owns its values. */
  const matrix = async (name: string, shape: readonly [number, ...number[]]): Promise<Tensor2D> => {
    const [outputs, ...rest] = shape;
    const inputs = sizeOf(rest);
    const transposed = transpose(await values(name, shape), outputs, inputs);
    return parameter(transposed, [inputs, outputs]) as Tensor as Tensor2D;
  };
  return {
    vector,
    table,
    matrix,
    linear: async (name: string, inputs: number, outputs: number): Promise<Linear> => ({
      weight: await matrix(`${name}.weight`, [outputs, inputs]),
      bias: await vector(`${name}.bias`, outputs),
    }),
    norm: async (name: string, width: number): Promise<Norm> => ({
      gamma: await vector(`${name}.weight`, width),
      beta: await vector(`${name}.bias`, width),
    }),
  };
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column];
  }
  return out;
}

/** The tower's configuration from the parsed config.json of a CLIP checkpoint (`CLIPModel` or `CLIPVisionModel`). */
export function clipVisionConfig(json: unknown, where = 'config.json'): ClipVisionConfig {
  const root = record(json, where);
  const vision = 'vision_config' in root ? record(root.vision_config, `${where}: vision_config`) : root;
  const number = (name: string, fallback?: number): number => {
    const value = vision[name] ?? fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw new Error(`${where}: ${name}: expected a positive integer, got ${JSON.stringify(value)}`);
  };
  // Left out, a value is Hugging Face's default: that of CLIP ViT-B/32.
  const projects = root !== vision || JSON.stringify(root.architectures ?? '').includes('WithProjection');
  return {
    imageSize: number('image_size', 224),
    patchSize: number('patch_size', 32),
    width: number('hidden_size', 768),
    layers: number('num_hidden_layers', 12),
    heads: number('num_attention_heads', 12),
    intermediateSize: number('intermediate_size', 3072),
    activation: activation(vision.hidden_act ?? 'quick_gelu', where),
    ...(projects && { projection: projection(root.projection_dim ?? vision.projection_dim ?? 512, where) }),
  };
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 80)}`);
}

function activation(name: unknown, where: string): 'quick' | 'erf' {
  if (name === 'quick_gelu') return 'quick';
  if (name === 'gelu') return 'erf';
  throw new Error(`${where}: hidden_act: expected quick_gelu or gelu, got ${JSON.stringify(name)}`);
}

function projection(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${where}: projection_dim: expected a positive integer, got ${JSON.stringify(value)}`);
}
