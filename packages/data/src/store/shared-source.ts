import { reopenRecords } from '../aiac/files.js';
import { joinSources, type FeatureSource, type SharedSource } from './feature-source.js';
import { reopenFeatureStore } from './feature-store.js';

/** Opens features that another thread has open. */
export async function openSharedSource(shared: SharedSource): Promise<FeatureSource> {
  if (shared.kind === 'store') return reopenFeatureStore(shared);
  if (shared.kind === 'records') return reopenRecords(shared);
  return joinSources(await Promise.all(shared.sources.map(openSharedSource)));
}
