import { findAlike } from '../dataset/alike.js';
import { groupBy } from '../group-by.js';
import { DisjointSets } from './disjoint-sets.js';

/** What tells which videos belong together. */
export interface GroupedVideo {
  readonly id: string;
  /** Of the frames as they are kept: equal hashes, equal pictures. */
  readonly hash: string;
  /** Difference hashes of some frames, 16 bits an entry: near ones look alike. All videos have the same number. */
  readonly fingerprint: Uint16Array;
  /** Videos of one name belong together whatever they show: an author, a series. */
  readonly group?: string | undefined;
}

export interface VideoGroups<V> {
  /** The group of every video, by the id or the group's name that sorts first. */
  readonly groups: ReadonlyMap<V, string>;
  /** Videos with the same pictures, two or more each. */
  readonly alike: readonly (readonly V[])[];
}

/** Bits of 256 in which two videos may differ and still show the same: another format or size moves a few. */
const DISTANCE = 10;

/**
 * Groups of videos that must stay in one split, or a model is measured on what it was trained on: those that show the
 * same pictures, and those of one `group`.
 */
export function groupVideos<V extends GroupedVideo>(videos: readonly V[], distance = DISTANCE): VideoGroups<V> {
  const sets = new DisjointSets();
  const pairs = findAlike(
    videos.map(({ fingerprint }) => fingerprint),
    distance,
  );
  for (const [a, b] of [...pairs, ...equalHashes(videos)]) sets.unite(videos[a].id, videos[b].id);
  const alike = [...groupBy(videos, ({ id }) => sets.rootOf(id)).values()].filter(({ length }) => length > 1);
  for (const { id, group } of videos) if (group !== undefined) sets.unite(id, `group ${group}`);
  return { groups: new Map(videos.map((video) => [video, sets.rootOf(video.id)])), alike };
}

/** Pairs with the same frames to the byte: pictures may be too flat for their fingerprints to tell. */
function equalHashes(videos: readonly GroupedVideo[]): [number, number][] {
  const first = new Map<string, number>();
  return videos.flatMap(({ hash }, i): [number, number][] => {
    const before = first.get(hash);
    if (before === undefined) first.set(hash, i);
    return before === undefined ? [] : [[before, i]];
  });
}
