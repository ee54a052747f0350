import type { Floats, Ints } from '@wbdc/nn';
import type { SafetensorsDtype, TensorRecord } from '../safetensors.js';

/** What a checkpoint tells of a tensor before its values are read. */
export interface WeightInfo {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** A checkpoint, whatever its format: names with types and shapes at hand, values read one tensor at a time. */
export interface WeightSource {
  /** Where it came from, for messages. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, WeightInfo>;
  /** Float types as float32, whole numbers as int32, row-major, in memory of their own. */
  read(name: string): Promise<Floats | Ints>;
}

/** Values at hand as a checkpoint. */
export function weightsOf(tensors: TensorRecord, path = 'memory'): WeightSource {
  const infos = Object.entries(tensors).map(([name, { data, shape }]): [string, WeightInfo] => [
    name,
    { dtype: data instanceof Float32Array ? 'F32' : 'I32', shape },
  ]);
  return {
    path,
    tensors: new Map(infos),
    read: async (name) => {
      if (!Object.hasOwn(tensors, name)) throw new Error(`${path}: expected a tensor '${name}', got none`);
      const { data, shape } = tensors[name];
      return data instanceof Float32Array ? { data: data.slice(), shape } : { data: data.slice(), shape };
    },
  };
}

/** What DataParallel (`module.`) and training frameworks (`model.`) put before all names. */
const PREFIXES = ['module.', 'model.'];

/** The same checkpoint without the prefixes that all its names have. */
export function withoutPrefixes<Source extends WeightSource>(
  source: Source,
  prefixes: readonly string[] = PREFIXES,
): Source {
  const names = [...source.tensors.keys()];
  const prefix = prefixes.find((candidate) => names.every((name) => name.startsWith(candidate)));
  if (prefix === undefined || names.length === 0) return source;
  const tensors = new Map([...source.tensors].map(([name, info]) => [name.slice(prefix.length), info]));
  return withoutPrefixes({ ...source, tensors, read: (name: string) => source.read(prefix + name) }, prefixes);
}
