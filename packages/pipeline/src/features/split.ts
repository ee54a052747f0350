import { featureLayout, readIds, SkipCounter, wbdcLayout } from '@wbdc/data';
import { counted } from '@wbdc/report/format';

/** Which splits of a data set, and where their features are kept. */
export interface FeatureFolders {
  /** The data set in the WBDC layout; of `annotations/`, the ids decide which videos there are. */
  readonly root: string;
  readonly splits: readonly string[];
  /** The folder of the stores, one a split; see `featureLayout`. */
  readonly out: string;
  /** Share of bad records, and of videos without features, above which it is an error. Default 0.001. */
  readonly maxBadShare?: number;
}

/** What a split's store holds. */
export interface SplitFeatures {
  readonly split: string;
  /** The store. */
  readonly path: string;
  /** Videos with features. */
  readonly videos: number;
  /** Videos that could not be read. */
  readonly skipped: number;
}

export const MAX_BAD_SHARE = 0.001;

/**
 * The ids of a split in the order of its annotations; a second record of the same id is counted as bad.
 *
 * @throws DataError when more than `maxBadShare` of the records are bad
 */
export async function readSplitIds(root: string, split: string, maxBadShare = MAX_BAD_SHARE): Promise<string[]> {
  const bad = new SkipCounter('records', maxBadShare, 'maxBadShare');
  const ids = await readIds(wbdcLayout(root).annotations(split), { onBad: bad.add });
  bad.check(ids.length + bad.count);
  return ids;
}

/** The files of a split's features. */
export function filesOf({ out }: Pick<FeatureFolders, 'out'>, split: string): { store: string; skipped: string } {
  const layout = featureLayout(out);
  return { store: layout.store(split), skipped: layout.skipped(split) };
}

/** For people: `features of 1,200 videos, 3 skipped`. */
export function describeFeatures({ videos, skipped }: Pick<SplitFeatures, 'videos' | 'skipped'>): string {
  return `features of ${counted(videos, 'video')}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
