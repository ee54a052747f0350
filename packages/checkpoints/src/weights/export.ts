import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import { tensorShape, toTensor, type KeyMap } from './key-map.js';

/** A tensor for another project's checkpoint, fetched from the engine when it is its turn. */
export interface ExportedTensor {
  readonly name: string;
  readonly dtype: 'F32';
  readonly shape: readonly number[];
  readonly values: () => Promise<Float32Array>;
}

/** The parameters a key map names, under the names and in the layout of the other project: for `writeSafetensors`. */
export function exportWeights(params: ParamTree, keyMap: KeyMap): ExportedTensor[] {
  const leaves = new Map(flatten(params).map(({ path, leaf }) => [path, leaf]));
  return keyMap.entries.map((entry) => {
    const leaf = leaves.get(entry.path);
    if (!leaf) throw new WbdcError(`expected a parameter '${entry.path}' to export as ${entry.names[0]}, got none`);
    const shape = tensorShape(entry, leaf.shape);
    const values = async (): Promise<Float32Array> => toTensor(entry, (await leaf.data()) as Float32Array, shape);
    return { name: entry.names[0], dtype: 'F32', shape, values };
  });
}
