import type { Config } from '../config/schema.js';
import type { JsonObject } from '../run/stage.js';

const CADENCE = ['checkpointEvery', 'evaluateEvery'];

/** The settings that decide what is learned: how often it is saved and measured may change when a run is resumed. */
export function trainingSettings(settings: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !CADENCE.includes(name)));
}

/** What of the features' settings decides what they are. Not resized in runs of before, which did not say so. */
export function decisiveFeatures({ batchSize: _size, decodeThreads: _threads, resize, ...own }: Config['features']) {
  return { ...own, ...(resize !== null && { resize }) };
}
