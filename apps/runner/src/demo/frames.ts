import { frameZipPath, writeFrameZip } from '@wbdc/data';
import { drawFrames } from './images.js';
import type { DemoPlan } from './plan.js';
import { DEMO_SPLITS } from './splits.js';

export interface DemoProgress {
  /** Videos whose frames are written. */
  readonly done: number;
  readonly total: number;
}

export interface FrameOptions {
  readonly imageSize: number;
  readonly onProgress?: ((progress: DemoProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Videos under work at the same time: enough to keep libuv's four threads busy, few enough to stop at once. */
const LANES = 4;

/** Draws and writes the frame zips of all splits; returns the bytes of the pictures. */
export async function writeFrames(root: string, plan: DemoPlan, options: FrameOptions): Promise<number> {
  const work = DEMO_SPLITS.flatMap((split) =>
    plan[split].map(({ id, drawings }) => ({ path: frameZipPath(root, split, id), drawings })),
  );
  const total = work.length;
  const pending = work.values();
  let done = 0;
  let bytes = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const { path, drawings } of pending) {
      options.signal?.throwIfAborted();
      const images = await drawFrames(drawings, options.imageSize);
      if (failed) return;
      await writeFrameZip(path, images);
      bytes += images.reduce((sum, image) => sum + image.bytes.length, 0);
      options.onProgress?.({ done: ++done, total });
    }
  };
  const stopOthers = (error: unknown): never => {
    failed = true;
    throw error;
  };
  await allSettledOrThrow(Array.from({ length: LANES }, () => lane().catch(stopOthers)));
  return bytes;
}

/** Waits for every lane before it fails, so that none still writes into a folder that is being removed. */
async function allSettledOrThrow(lanes: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(lanes);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
