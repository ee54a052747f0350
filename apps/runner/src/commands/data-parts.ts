import type { DataKind, DataPart } from '@wbdc/pipeline/contents';
import type { Config } from '../config/schema.js';
import { allSplits } from '@wbdc/pipeline/settings';

/** What is read of the splits of a data set; the records of the AIAC layout hold all kinds in one. */
export function dataParts(
  { data }: Config,
  kinds: readonly DataKind[],
  splits: readonly string[] = allSplits(data),
): DataPart[] {
  const read: readonly DataKind[] = data.layout === 'aiac' ? ['records'] : kinds;
  return [...new Set(splits)].flatMap((split) => read.map((kind) => ({ kind, split })));
}
