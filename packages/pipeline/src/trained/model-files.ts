import { parseSafetensors, weightsOf, type WeightSource } from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';

/** Weights that stay open until they are closed. */
export interface OpenWeights extends WeightSource {
  close(): Promise<void>;
}

/** The files of a model, wherever they are. */
export interface ModelFiles {
  /** What to call the place in messages: a path, an address, `memory`. */
  readonly where: string;
  /** The text of a file, or undefined where there is no such file. */
  readText(name: string): Promise<string | undefined>;
  /** The weights in a file of this name, or, without one, in whichever format they are. */
  openWeights(name?: string): Promise<OpenWeights>;
  /** The files of a subfolder, whether there is one or not. */
  folder(name: string): ModelFiles;
}

/** The name of the weights that wbdc writes. */
export const WEIGHTS_FILE = 'model.safetensors';
/** The name of the file that describes them. */
export const CONFIG_FILE = 'config.json';
/** The folder of the vision tower inside a model's, or beside a checkpoint that was finetuned with it. */
export const TOWER_FOLDER = 'tower';

/** The path of a file below a place, for messages. */
export function pathOf({ where }: Pick<ModelFiles, 'where'>, name: string): string {
  return where === '' ? name : `${where.replace(/\/$/, '')}/${name}`;
}

/**
 * Files that are fetched or looked up whole. @param read gives the contents, or undefined where there is no such file
 */
export function wholeFiles(where: string, read: (name: string) => Promise<Uint8Array | undefined>): ModelFiles {
  const files: ModelFiles = {
    where,
    readText: async (name) => {
      const bytes = await read(name);
      return bytes && new TextDecoder().decode(bytes);
    },
    openWeights: async (name = WEIGHTS_FILE) => {
      const path = pathOf(files, name);
      const bytes = await read(name);
      if (bytes === undefined) throw new WbdcError(`${path}: expected the weights of a model, found no such file`);
      return { ...weightsOf(parseSafetensors(bytes, path).tensors, path), close: () => Promise.resolve() };
    },
    folder: (name) => wholeFiles(pathOf(files, name), (file) => read(`${name}/${file}`)),
  };
  return files;
}

/**
 * The contents of a model's files by their names: `config.json`, `model.safetensors`, `vocab.txt`,
 * `tower/config.json`...
 */
export type ModelBytes = Readonly<Record<string, Uint8Array | ArrayBuffer>>;

/** A model in memory. */
export function filesInMemory(contents: ModelBytes, where = 'memory'): ModelFiles {
  return wholeFiles(where, async (name) => {
    const bytes = Object.hasOwn(contents, name) ? contents[name] : undefined;
    return bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  });
}
