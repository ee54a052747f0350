import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import type { WeightSource } from './source.js';

/** Paths and shapes of a model's parameters: what is known of it before it has values. */
export type ParamShapes = ReadonlyMap<string, readonly number[]>;

/** The path and the shape of one parameter. */
export type ShapeEntry = [path: string, shape: number[]];

/** A layer normalisation of width D. */
export function normShapes(path: string, width: number): ShapeEntry[] {
  return [
    [`${path}.gamma`, [width]],
    [`${path}.beta`, [width]],
  ];
}

/** A dense layer. */
export function linearShapes(path: string, inputs: number, outputs: number): ShapeEntry[] {
  return [
    [`${path}.weight`, [inputs, outputs]],
    [`${path}.bias`, [outputs]],
  ];
}

/** Positions, token types and normalisation, the parameters of `newInputEmbedding` in its order. */
export function inputEmbeddingShapes(path: string, positions: number, segments: number, width: number): ShapeEntry[] {
  return [
    [`${path}.position`, [positions, width]],
    [`${path}.segment`, [segments, width]],
    ...normShapes(`${path}.norm`, width),
  ];
}

/** Projections of attention, the parameters of `newAttention` in its order. */
export function attentionShapes(path: string, width: number): ShapeEntry[] {
  return ['query', 'key', 'value', 'output'].flatMap((part) => linearShapes(`${path}.${part}`, width, width));
}

/** A transformer layer, the parameters of `newLayer` in its order. */
export function layerShapes(path: string, width: number, intermediate: number): ShapeEntry[] {
  return [
    ...attentionShapes(`${path}.attention`, width),
    ...normShapes(`${path}.attentionNorm`, width),
    ...linearShapes(`${path}.intermediate`, width, intermediate),
    ...linearShapes(`${path}.output`, intermediate, width),
    ...normShapes(`${path}.outputNorm`, width),
  ];
}

/** Transformer layers `path.0`, `path.1`, ... */
export function layersShapes(path: string, count: number, width: number, intermediate: number): ShapeEntry[] {
  return Array.from({ length: count }, (_, i) => layerShapes(`${path}.${i}`, width, intermediate)).flat();
}

/**
 * Refuses layer counts that a checkpoint cannot hold, before anything of that size is made: a configuration read from a
 * file may say anything. All other sizes are compared tensor by tensor.
 *
 * @param counts by the name of the setting
 * @throws WbdcError where a count is above the number of tensors
 */
export function assertLayerCounts(
  counts: Readonly<Record<string, number>>,
  { path, tensors }: Pick<WeightSource, 'path' | 'tensors'>,
): void {
  for (const [name, count] of Object.entries(counts)) {
    if (count <= tensors.size) continue;
    throw new WbdcError({
      where: path,
      expected: `tensors of ${count} ${name}`,
      got: `${tensors.size} tensors in all`,
    });
  }
}

/**
 * Refuses parameters of other paths or shapes than a configuration's: saved together they could not be loaded again.
 *
 * @throws Error that names the first difference
 */
export function assertParamShapes(params: ParamTree, shapes: ParamShapes): void {
  const lacking = new Set(shapes.keys());
  for (const { path, leaf } of flatten(params)) {
    const expected = shapes.get(path)?.join(', ');
    if (expected !== leaf.shape.join(', ')) {
      throw new WbdcError(
        `expected '${path}' of shape [${expected ?? 'none'}] by the configuration, got [${leaf.shape.join(', ')}]`,
      );
    }
    lacking.delete(path);
  }
  const [missing] = lacking;
  if (missing !== undefined) throw new WbdcError(`expected a parameter '${missing}' by the configuration, got none`);
}
