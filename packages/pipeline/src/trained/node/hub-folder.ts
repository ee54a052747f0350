import { resolve } from 'node:path';
import { downloadModel, hubSettings, type HubSettings } from '@wbdc/checkpoints/node';
import { exists } from '@wbdc/io';
import type { Observer, Progress } from '../../observer.js';

/** How models are found, and fetched from the hub. */
export interface HubOptions {
  /** The folder that relative names of folders start from; the working folder by default. */
  readonly from?: string;
  /** Mirror, cache, token; by default what Hugging Face's own tools read from the environment. */
  readonly hub?: Partial<HubSettings>;
  /** Branch, tag or commit; `main` by default. */
  readonly revision?: string;
  readonly observer?: Observer;
  readonly signal?: AbortSignal;
}

/** The folder of a model of the hub, fetched where the cache lacks it. @throws HubError */
export async function hubFolder(name: string, options: HubOptions = {}): Promise<string> {
  const { hub = {}, revision, observer = {}, signal } = options;
  const kilobytes = (bytes: number): number => Math.round(bytes / 1000);
  let last: Progress | undefined;
  const onProgress = (progress: { file: string; bytes: number; total: number }): void => {
    const { file, bytes, total } = progress;
    last = { noun: 'kB', done: kilobytes(bytes), total: kilobytes(total), about: file };
    observer.onProgress?.(last);
  };
  const settings = { ...hubSettings(process.env), ...hub, ...(revision !== undefined && { revision }) };
  try {
    const { folder, commit } = await downloadModel(name, { ...settings, ...(signal && { signal }), onProgress });
    observer.onMessage?.(`${name}, commit ${commit}: ${folder}`);
    return folder;
  } finally {
    if (last !== undefined) observer.onProgress?.({ ...last, ended: true });
  }
}

/** `owner/name` */
const HUB_NAME = /^\w[\w.-]*\/\w[\w.-]*$/;

/** Stands before the name of a model of the hub. */
export const HUB = 'hub:';

/** A folder, or else a model of the hub, with or without `hub:`; nothing where it can be neither. */
export async function publishedFolder(name: string, options: HubOptions = {}): Promise<string | undefined> {
  if (name.startsWith(HUB)) return hubFolder(name.slice(HUB.length), options);
  const folder = resolve(options.from ?? '.', name);
  if (await exists(folder)) return folder;
  return HUB_NAME.test(name) ? hubFolder(name, options) : undefined;
}
