import type { Config } from '../config/schema.js';
import type { StageName } from '../run/stage.js';

/** The features stage, where a run has one. */
export function featuresOf({ data }: Config): StageName[] {
  return data.layout === 'aiac' || data.features !== null ? [] : ['features'];
}

/** Why there is neither a vision tower nor a features stage: there are no pictures. */
export function inRecords({ data }: Config): string | undefined {
  return data.layout === 'aiac' ? 'the records of the AIAC layout hold frame features and no pictures' : undefined;
}

/** Why there is no features stage. */
export function hasFeatures(config: Config): string | undefined {
  const there = config.data.features !== null;
  return inRecords(config) ?? (there ? 'data.features names features that are there already' : undefined);
}
