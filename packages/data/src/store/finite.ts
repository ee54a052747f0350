import type { Floats } from '@wbdc/nn/plain';
import { DataError } from '../files/data-error.js';

/** Refuses features that are no numbers: whatever reads them would answer something, for this video and its batch. */
export function finite(features: Floats, where: string): Floats {
  const { data, shape } = features;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return features;
  const frame = Math.floor(bad / shape[1]);
  throw new DataError(`${where}: expected finite features, got ${data[bad]} in frame ${frame}: make them again`);
}
