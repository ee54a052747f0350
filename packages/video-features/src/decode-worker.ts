import { answerRequests } from '@wbdc/io/threads';
import sharp from 'sharp';
import type { DecodedVideo } from './decode-frames.js';
import { decodeVideo, type DecodeSettings, type VideoInput } from './decode-video.js';

/** What a thread is asked for. */
export interface DecodeRequest {
  readonly video: VideoInput;
  readonly settings: DecodeSettings;
}

sharp.concurrency(1); // the threads of the pool are the parallelism

/** While one video is resized on this thread, another one's pictures are decoded on libuv's; the first is done soon. */
const AT_ONCE = 2;

answerRequests<undefined, DecodeRequest, DecodedVideo>(
  () =>
    async ({ video, settings }) => {
      const reply = await decodeVideo(video, settings);
      return { reply, transfer: [reply.pixels.buffer as ArrayBuffer] };
    },
  { atOnce: AT_ONCE },
);
