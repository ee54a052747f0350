import type { JsonObject } from '../run/stage.js';

const CADENCE = ['checkpointEvery', 'evaluateEvery'];

/** The settings that decide what is learned: how often it is saved and measured may change when a run is resumed. */
export function trainingSettings(settings: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !CADENCE.includes(name)));
}
