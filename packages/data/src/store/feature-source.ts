import type { SharedZip } from '@wbdc/io/zip';
import type { Floats, Key } from '@wbdc/nn/plain';
import type { SharedIndex } from '../aiac/record-index.js';

/** Frame features by video id, wherever they are kept. */
export interface FeatureSource {
  /** Dv, the width of a feature. */
  readonly width: number;
  readonly size: number;
  has(id: string): boolean;
  /**
   * Features `[n, Dv]` of a video.
   * @throws DataError when there are none, or they are damaged
   */
  read(id: string): Promise<Floats>;
  /**
   * Those of a training batch: at most `limit` frames drawn by the key as `randomSubset` does, where a limit is given.
   * For sources to which a frame that is not read is a saving, or whose frames the key changes; others `read`.
   */
  draw?(id: string, draw: FeatureDraw): Promise<Floats>;
  /** What another thread needs to read the same; where there is nothing, batches are read on this one. */
  share?(): SharedSource | undefined;
  close(): Promise<void>;
}

/** What a training batch draws of a video. */
export interface FeatureDraw {
  /** Of the video and the batch. */
  readonly key: Key;
  readonly limit?: number;
}

/** What a thread needs to read a store that another has open. */
export interface SharedStore {
  readonly kind: 'store';
  readonly zip: SharedZip;
  readonly width: number;
  readonly hasRecipe: boolean;
}

/** What a thread needs to read records that another has open. */
export interface SharedRecords {
  readonly kind: 'records';
  readonly paths: readonly string[];
  readonly width: number;
  readonly index: SharedIndex;
}

/** A source in shared memory and by its files: plain data, for {@link openSharedSource}. */
export type SharedSource = SharedStore | SharedRecords | SharedSources;

interface SharedSources {
  readonly kind: 'several';
  readonly sources: readonly SharedSource[];
}

/** Several sources of one width as one; an id is looked for in their order. */
export function joinSources(sources: readonly FeatureSource[]): FeatureSource {
  const [first] = sources;
  if (first === undefined) throw new RangeError('expected at least one source of features, got none');
  const other = sources.find(({ width }) => width !== first.width);
  if (other) throw new RangeError(`expected features of width ${first.width} everywhere, got ${other.width} too`);
  const sourceOf = (id: string): FeatureSource => sources.find((source) => source.has(id)) ?? first;
  return {
    width: first.width,
    size: sources.reduce((sum, { size }) => sum + size, 0),
    has: (id) => sourceOf(id).has(id),
    read: (id) => sourceOf(id).read(id),
    draw: (id, draw) => {
      const source = sourceOf(id);
      return source.draw ? source.draw(id, draw) : source.read(id);
    },
    share: () => {
      const shared = sources.flatMap((source) => source.share?.() ?? []);
      return shared.length === sources.length ? { kind: 'several', sources: shared } : undefined;
    },
    close: async () => void (await Promise.all(sources.map((source) => source.close()))),
  };
}
