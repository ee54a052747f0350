/**
 * transformers.js, a contender of three benches. It is heavy, and part of nothing here: `WBDC_TRANSFORMERS_JS` names a
 * folder that it is installed in.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NotHere } from './peer.js';

/** As much of it as is used here. */
interface TransformersJs {
  readonly env: { version: string; allowRemoteModels: boolean; localModelPath: string };
  readonly AutoTokenizer: {
    from_pretrained(name: string): Promise<{ encode(text: string, options: object): number[] }>;
  };
  readonly AutoImageProcessor: {
    from_pretrained(name: string): Promise<(images: readonly object[]) => Promise<{ pixel_values: object }>>;
  };
  readonly AutoModel: {
    from_pretrained(
      name: string,
      options: object,
    ): Promise<(inputs: object) => Promise<Record<string, { readonly data: Float32Array }>>>;
  };
  readonly RawImage: { fromBlob(blob: Blob): Promise<object> };
  readonly Tensor: new (type: 'int32' | 'float32', data: Int32Array | Float32Array, dims: readonly number[]) => object;
}

/** @param models the folder that holds those of the models, which it then finds by their names */
export async function loadTransformersJs(models: string): Promise<TransformersJs> {
  const folder = process.env['WBDC_TRANSFORMERS_JS'];
  const advice =
    'npm install --ignore-scripts --prefix <folder> @huggingface/transformers, and WBDC_TRANSFORMERS_JS=<folder>';
  if (folder === undefined) throw new NotHere(`transformers.js is not named: ${advice}`);
  let library: TransformersJs;
  try {
    const found = createRequire(join(folder, 'package.json')).resolve('@huggingface/transformers');
    library = (await import(pathToFileURL(found).href)) as TransformersJs;
  } catch (error) {
    throw new NotHere(`no transformers.js in ${folder} (${(error as Error).message.split('\n')[0]}): ${advice}`);
  }
  library.env.allowRemoteModels = false;
  library.env.localModelPath = models;
  return library;
}

/** Writes a graph as the hub has one; gives its name. A so-called BERT is taken as it is, whatever its inputs are. */
export async function writeModel(models: string, graph: Uint8Array): Promise<string> {
  const name = 'model-of-transformers-js';
  await mkdir(join(models, name, 'onnx'), { recursive: true });
  await writeFile(join(models, name, 'onnx', 'model.onnx'), graph);
  await writeFile(join(models, name, 'config.json'), JSON.stringify({ model_type: 'bert' }));
  return name;
}

/** In float32 on the processor. */
export function onThreads(threads: number): object {
  return { dtype: 'fp32', device: 'cpu', session_options: { intraOpNumThreads: threads } };
}
