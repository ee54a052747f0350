/** What a stage took at one number of videos. */
export interface GrowthPoint {
  readonly videos: number;
  readonly seconds: number;
  /** Of the processors, all threads together: others on the machine change it less than the time. */
  readonly cpuSeconds: number;
  /** Highest resident memory of its process, in bytes. */
  readonly peakRss: number;
  /** Bytes of what it wrote; undefined where it writes nothing. */
  readonly bytes?: number;
}

/** How time grows with the number of videos. */
export type TimeGrowth = 'constant' | 'below n' | 'n' | 'n log n' | 'worse than n log n';

/** How a stage grows from one size to the next. */
export interface Growth {
  /** Exponent `e` of `time = c n^e`; undefined where the times are too short to tell. */
  readonly exponent: number | undefined;
  readonly time: TimeGrowth | 'too short to tell';
  /**
   * Bytes of memory that one more video takes; undefined where they are too few to tell: what JavaScript has not
   * collected yet is tens of megabytes, however many videos there are.
   */
  readonly bytesPerVideo: number | undefined;
}

/** Videos more between two sizes, at least: 20 MB that are not collected are 250 bytes of each. */
const FEWEST = 80_000;
/** Less than this of a processor is start-up and noise. */
const SHORTEST_SECONDS = 0.05;
/**
 * Ids, where they lie and what finds them, for each video: 20 characters, 30 bytes of an index that is doubled when it
 * is full (old and new are alive then), and a few numbers. A video's texts take 600, its frames more.
 */
export const IDS_AND_OFFSETS = 250;

/** How time and memory grow between the two largest sizes, where what is there at every start weighs least. */
export function growthOf(points: readonly GrowthPoint[]): Growth {
  const sorted = [...points].sort((a, b) => a.videos - b.videos);
  const [before, last] = [sorted.at(-2), sorted.at(-1)];
  if (before === undefined || last === undefined) {
    return { exponent: undefined, time: 'too short to tell', bytesPerVideo: undefined };
  }
  const more = last.videos - before.videos;
  const bytesPerVideo = more < FEWEST ? undefined : (last.peakRss - before.peakRss) / more;
  if (last.cpuSeconds < SHORTEST_SECONDS || before.cpuSeconds <= 0) {
    return { exponent: undefined, time: 'too short to tell', bytesPerVideo };
  }
  const times = last.videos / before.videos;
  const exponent = Math.log(last.cpuSeconds / before.cpuSeconds) / Math.log(times);
  return { exponent, time: nameOf(exponent, before.videos, last.videos), bytesPerVideo };
}

/** Exponents that noise of a fifth moves. */
const NOISE = 0.08;

function nameOf(exponent: number, from: number, to: number): TimeGrowth {
  const ofLog = 1 + Math.log(Math.log(to) / Math.log(from)) / Math.log(to / from);
  if (exponent < 0.1) return 'constant';
  if (exponent < 0.8) return 'below n';
  if (exponent <= 1 + NOISE / 2) return 'n';
  return exponent <= ofLog + NOISE ? 'n log n' : 'worse than n log n';
}
