import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import type { SafetensorsFile } from '@wbdc/checkpoints/node';
import { WbdcError } from '@wbdc/io/errors';

interface Shaped {
  readonly shape: readonly number[];
}

/** Checks that a file holds exactly these tensors in these shapes; one error lists all that differ. */
export function assertNames(file: SafetensorsFile, expected: ReadonlyMap<string, Shaped>): void {
  const missing = [...expected.keys()].filter((name) => !file.tensors.has(name));
  const unknown = [...file.tensors.keys()].filter((name) => !expected.has(name));
  const shapes = [...expected].flatMap(([name, { shape }]) => {
    const actual = file.tensors.get(name)?.shape;
    if (!actual || actual.join() === shape.join()) return [];
    return [`${name}: expected [${shape.join(', ')}], got [${actual.join(', ')}]`];
  });
  const faults = [...list('missing', missing), ...list('not expected', unknown), ...list('other shapes', shapes)];
  if (faults.length > 0) {
    throw new WbdcError(
      `${file.path}: does not fit the model; ${faults.join('; ')}. Is it from another configuration?`,
    );
  }
}

function list(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return [`${what}: ${names.slice(0, 5).join(', ')}${more}`];
}

/** The values of a tensor. */
export async function floatsOf(file: SafetensorsFile, name: string): Promise<Float32Array> {
  const { data } = await file.read(name);
  if (data instanceof Float32Array) return data;
  throw new WbdcError(`${file.path}: '${name}': expected float values, got whole numbers`);
}

/** Reads values into variables, one at a time. */
export async function assignTensors(file: SafetensorsFile, variables: ReadonlyMap<string, Variable>): Promise<void> {
  for (const [name, variable] of variables) {
    const data = await floatsOf(file, name);
    tf.tidy(() => variable.assign(tf.tensor(data, variable.shape, 'float32')));
  }
}
