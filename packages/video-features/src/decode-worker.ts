import { answerRequests } from '@wbdc/nn/threads';
import sharp from 'sharp';
import { decodeVideo, type DecodeSettings, type DecodedVideo, type VideoInput } from './decode-video.js';

/** What a thread is asked for. */
export interface DecodeRequest {
  readonly video: VideoInput;
  readonly settings: DecodeSettings;
}

sharp.concurrency(1); // the threads of the pool are the parallelism

answerRequests<undefined, DecodeRequest, DecodedVideo>(() => async ({ video, settings }) => {
  const reply = await decodeVideo(video, settings);
  return { reply, transfer: [reply.pixels.buffer as ArrayBuffer] };
});
