import { zipDecoders } from '@wbdc/pipeline/features';
import type { DecodeWorkers } from '@wbdc/video-features';
import type { Config } from '../config/schema.js';

/** Threads that decode zips of frames. */
export function frameDecoders({ features }: Config): DecodeWorkers {
  return zipDecoders(features.decodeThreads);
}
