import { WbdcError } from '@wbdc/io/errors';
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
      if (!Object.hasOwn(tensors, name)) throw new WbdcError(`${path}: expected a tensor '${name}', got none`);
      const { data, shape } = tensors[name];
      return data instanceof Float32Array ? { data: data.slice(), shape } : { data: data.slice(), shape };
    },
  };
}

/**
 * The shape of a tensor that has to be there.
 *
 * @throws WbdcError where it is not
 */
export function shapeOf({ path, tensors }: WeightSource, name: string): readonly number[] {
  const info = tensors.get(name);
  if (info) return info.shape;
  throw new WbdcError({ where: path, expected: `a tensor '${name}'`, got: 'none' });
}

/** How many layers `<prefix>0.`, `<prefix>1.`, ... a checkpoint has tensors of. */
export function countLayers({ tensors }: WeightSource, prefix: string): number {
  const layers = [...tensors.keys()].filter((name) => name.startsWith(prefix));
  return new Set(layers.map((name) => name.slice(prefix.length).split('.', 1)[0])).size;
}

/** What DataParallel (`module.`), torch.compile (`_orig_mod.`) and frameworks (`model.`) put before all names. */
const PREFIXES = ['module.', '_orig_mod.', 'model.'];

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

/** The tensors of several checkpoints, where all names differ: a BERT and a vision tower. Close each when done. */
export function joinSources(...sources: readonly WeightSource[]): WeightSource {
  const owners = new Map(
    sources.flatMap((source) => [...source.tensors.keys()].map((name) => [name, source] as const)),
  );
  const path = sources.map((source) => source.path).join(' and ');
  return {
    path,
    tensors: new Map([...owners].map(([name, source]) => [name, source.tensors.get(name)!])),
    read: async (name) => {
      const source = owners.get(name);
      if (!source) throw new WbdcError(`${path}: expected a tensor '${name}', got none`);
      return source.read(name);
    },
  };
}

/** A tensor that is computed from others of a checkpoint, in their place. */
export interface DerivedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Names of the tensors it is made of; nobody else gets them. */
  readonly from: readonly string[];
  readonly values: (read: WeightSource['read']) => Promise<Float32Array>;
}

/** A checkpoint with computed tensors, where it writes differently what is the same for a model. */
export function withDerived(source: WeightSource, derived: readonly DerivedTensor[]): WeightSource {
  const computed = new Map(derived.map((tensor) => [tensor.name, tensor]));
  const used = new Set(derived.flatMap(({ from }) => from));
  const tensors = new Map<string, WeightInfo>([...source.tensors].filter(([name]) => !used.has(name)));
  for (const { name, shape } of derived) tensors.set(name, { dtype: 'F32', shape });
  const read = async (name: string): Promise<Floats | Ints> => {
    const tensor = computed.get(name);
    if (!tensor) return source.read(name);
    return { data: await tensor.values((of) => source.read(of)), shape: tensor.shape };
  };
  return { path: source.path, tensors, read };
}
