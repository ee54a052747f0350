import { forEachConcurrently, wbdcLayout, writeFrameZip } from '@wbdc/data';
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

/** Draws and writes the frame zips of all splits; returns the bytes of the pictures. */
export async function writeFrames(root: string, plan: DemoPlan, options: FrameOptions): Promise<number> {
  const work = DEMO_SPLITS.flatMap((split) =>
    plan[split].map(({ id, drawings }) => ({ path: wbdcLayout(root).frameZip(split, id), drawings })),
  );
  let done = 0;
  let bytes = 0;
  const write = async ({ path, drawings }: (typeof work)[number]): Promise<void> => {
    const images = await drawFrames(drawings, options.imageSize);
    await writeFrameZip(path, images);
    bytes += images.reduce((sum, image) => sum + image.bytes.length, 0);
    options.onProgress?.({ done: ++done, total: work.length });
  };
  await forEachConcurrently(work, write, options.signal);
  return bytes;
}
