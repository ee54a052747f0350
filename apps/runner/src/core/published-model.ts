import { resolve } from 'node:path';
import type { DownloadedModel } from '@wbdc/checkpoints/node';
import { exists } from '@wbdc/io';
import { UserError } from './errors.js';
import type { Output } from './output.js';
import { createProgress } from './progress.js';

/** Of a stage's context. */
export interface FetchOptions {
  readonly output: Output;
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal;
}

/** A model of the hub, from the cache or fetched into it with a progress bar. */
export async function fetchModel(name: string, { output, revision, signal }: FetchOptions): Promise<DownloadedModel> {
  // Not loaded for commands that need none.
  const { downloadModel, hubSettings } = await import('@wbdc/checkpoints/node');
  const progress = createProgress(output, 'kB');
  const kilobytes = (bytes: number): number => Math.round(bytes / 1000);
  try {
    return await downloadModel(name, {
      ...hubSettings(output.terminal.env),
      ...(revision !== undefined && { revision }),
      ...(signal && { signal }),
      onProgress: ({ file, bytes, total }) => progress.update(kilobytes(bytes), kilobytes(total), file),
    });
  } finally {
    progress.stop();
  }
}

/** `owner/name` */
const HUB_NAME = /^\w[\w.-]*\/\w[\w.-]*$/;

/**
 * The folder of the published model that a setting names: a folder, from the working folder, or else `owner/name` of
 * the hub, which is fetched where the cache lacks it.
 */
export async function modelFolder(setting: string, name: string, options: FetchOptions): Promise<string> {
  const { output } = options;
  const folder = resolve(output.terminal.folder, name);
  const named = name.replace(/^hub:/, '');
  if (named === name && (await exists(folder))) return folder;
  if (!HUB_NAME.test(named)) {
    throw new UserError(
      `${setting}: expected a folder, or a model of the hub such as hfl/chinese-macbert-base, got ${name}, ` +
        `and there is no folder ${folder}`,
    );
  }
  if (named === name) output.say(`${setting}: there is no folder ${name}, so it is taken as a model of the hub`);
  const fetched = await fetchModel(named, options).catch((cause: unknown) => {
    throw new UserError(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, 1, { cause });
  });
  output.say(`read     ${fetched.folder}: ${name}, commit ${fetched.commit}`);
  return fetched.folder;
}
