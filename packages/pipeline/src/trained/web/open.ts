import { cropExactly } from '@wbdc/video-features/plain';
import type { Observer } from '../../observer.js';
import { TrainedError } from '../errors.js';
import type { Platform } from '../frame-reader.js';
import { filesInMemory, TOWER_FOLDER, type ModelBytes, type ModelFiles } from '../model-files.js';
import { openModel } from '../open-trained.js';
import { readTower, type Sha256 } from '../tower.js';
import type { TrainedModel } from '../trained-model.js';
import { filesAt } from './url-files.js';

/** How a model is opened. */
export interface OpenTrainedOptions {
  /** Its vision tower: an address, or files in memory. Default: `tower/` in the model's folder. */
  readonly tower?: string | URL | ModelBytes;
  readonly observer?: Observer;
}

/**
 * Opens a trained model in a browser. It takes frames that are decoded already, or features.
 *
 * @param source the address of its folder, from the document's where it is text; or the contents of its files by name
 */
export async function openTrained(
  source: string | URL | ModelBytes,
  { tower, observer = {} }: OpenTrainedOptions = {},
): Promise<TrainedModel> {
  const files = filesOf(source, 'memory');
  const towerFiles = tower === undefined ? files.folder(TOWER_FOLDER) : filesOf(tower, TOWER_FOLDER);
  const platform: Platform = {
    sha256,
    openTower: () => readTower(towerFiles),
    decodeFile: refuseFile,
    crop: cropExactly,
  };
  return openModel(files, platform, observer);
}

/** The files of a model at an address or in memory. */
export function filesOf(source: string | URL | ModelBytes, where: string): ModelFiles {
  if (typeof source === 'string') return filesAt(new URL(source, (globalThis as Page).location?.href));
  return source instanceof URL ? filesAt(source) : filesInMemory(source, where);
}

/** Of a document or a worker. */
interface Page {
  readonly location?: { readonly href: string };
}

async function refuseFile(id: string): Promise<never> {
  throw new TrainedError({
    where: id,
    expected: 'frames that are decoded already, or features, in a browser',
    got: 'a video file',
    code: 'input',
  });
}

/** By the browser's own implementation, which takes all bytes at once. */
const sha256: Sha256 = async (chunks) => {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk)); // a copy: engines may hand out their own memory
  const digest = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
};
