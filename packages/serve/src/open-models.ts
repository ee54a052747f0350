/// <reference lib="esnext.disposable" preserve="true" />
import { basename, resolve } from 'node:path';
import { openTrained, type OpenTrainedOptions } from '@wbdc/pipeline';
import { findModel, openClip, type HubOptions } from '@wbdc/pipeline/apply';
import type { DecodeVideo } from '@wbdc/video-features';
import { ServeError } from './errors.js';
import type { ServableModel } from './options.js';

export interface OpenModelsOptions extends HubOptions {
  /** Models, as `name=source`, or a source that is called as its last part: a folder, a run, `hub:owner/name`. */
  readonly models: readonly string[];
  /** CLIPs, in the same way. */
  readonly clips?: readonly string[];
  /** The vision tower of the models, where their runs are not there. */
  readonly tower?: string;
  /** What decodes their videos; a thread of its own, for instance. */
  readonly decode?: DecodeVideo;
  /** Computes the models as whole graphs on ONNX Runtime, in place of tfjs's engine; see `openTrained`. */
  readonly onnx?: OpenTrainedOptions['onnx'];
  /** Told of each model once it is open. */
  readonly onOpen?: (name: string, where: string) => void;
}

/** Models by their names. */
export interface OpenModels extends AsyncDisposable {
  readonly models: Readonly<Record<string, ServableModel>>;
  /** Closes all of them. `await using` calls it. */
  close(): Promise<void>;
}

/**
 * Opens what a server is to serve. tfjs's engine is the caller's choice, made before.
 *
 * @throws ServeError `names` where two are called the same; TrainedError where one cannot be opened: then none is
 */
export async function openModels(options: OpenModelsOptions): Promise<OpenModels> {
  const { models: trained, clips = [], tower, decode, onnx, onOpen, ...finding } = options;
  const { from = '.', signal, observer } = finding;
  const models: Record<string, ServableModel> = {};
  const close = async (): Promise<void> => {
    for (const model of Object.values(models)) await model.close();
  };
  const opening = { ...(decode && { decode }), ...(signal && { signal }), ...(observer && { observer }) };
  try {
    const named = namedSources([...trained, ...clips]);
    for (const [i, { name, source }] of named.entries()) {
      models[name] =
        i < trained.length
          ? await openTrained(await findModel(source, finding), {
              ...opening,
              onnx,
              ...(tower !== undefined && { tower: resolve(from, tower) }),
            })
          : await openClip(source, { ...finding, ...opening });
      onOpen?.(name, models[name].where);
    }
    return { models, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function namedSources(texts: readonly string[]): { readonly name: string; readonly source: string }[] {
  const names = new Set<string>();
  return texts.map((text) => {
    const [, name, source] = /^([\w-]{1,64})=(.+)$/.exec(text) ?? [undefined, basename(text), text];
    if (names.has(name)) throw new ServeError({ expected: 'every name once', got: `'${name}' again`, code: 'names' });
    names.add(name);
    return { name, source };
  });
}
