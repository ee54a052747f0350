import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { decodeVideo, type DecodeSettings, type DecodedVideo, type VideoInput } from './decode-video.js';
import { SourceError, reasonOf } from './errors.js';

/** What the pool sends to a thread. */
export interface WorkerJob {
  readonly job: number;
  readonly video: VideoInput;
  readonly settings: DecodeSettings;
}

/** What a thread sends back. Errors lose their class on the way: `source` says whether the content was at fault. */
export type WorkerResult =
  | { readonly job: number; readonly decoded: DecodedVideo }
  | { readonly job: number; readonly message: string; readonly source: boolean };

sharp.concurrency(1); // the threads of the pool are the parallelism

parentPort?.on('message', ({ job, video, settings }: WorkerJob) => {
  decodeVideo(video, settings).then(
    (decoded) => parentPort?.postMessage({ job, decoded }, [decoded.pixels.buffer as ArrayBuffer]),
    (error: unknown) =>
      parentPort?.postMessage({ job, message: reasonOf(error), source: error instanceof SourceError }),
  );
});
