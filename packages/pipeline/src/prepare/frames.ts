import { createHash } from 'node:crypto';
import { evenStride, writeFrameZip, type FrameFile } from '@wbdc/data';
import {
  differenceHash,
  encodeJpeg,
  openFoundVideo,
  sampleFrames,
  SourceError,
  type FoundVideo,
  type FrameSource,
  type Image,
} from '@wbdc/video-features';

/** Which frames are taken and how they are stored. */
export type StoredFrameSettings = {
  /** Frames a second, where the video has times; null takes them evenly over the whole video. */
  readonly fps: number | null;
  /** Most frames of a video; of more, an even stride. */
  readonly limit: number;
  /** Longest shorter side in pixels: larger pictures are shrunk. */
  readonly side: number;
};

/** What became of a video. */
export interface StoredFrames {
  readonly frames: number;
  /** Pixels of the first frame as it is stored. */
  readonly width: number;
  readonly height: number;
  /** Seconds of video that the frames span, where the video has times. */
  readonly seconds?: number;
  /** Of the frames as they are stored: equal hashes, equal pictures. */
  readonly hash: string;
  /** Difference hashes of four frames, in hexadecimal: near ones look alike. */
  readonly look: string;
}

/** Frames that a look consists of. */
const LOOKS = 4;

/**
 * Samples and decodes a video and writes its frames as a zip of JPEG files.
 *
 * @throws SourceError when the content is at fault, also when there is not one frame
 */
export async function storeFrames(
  video: FoundVideo,
  id: string,
  path: string,
  settings: StoredFrameSettings,
): Promise<StoredFrames> {
  const source = await openFoundVideo(video);
  try {
    const indices = sampleFrames(samplingOf(source, settings), source, id);
    if (indices.length === 0) throw new SourceError(`${video.path}: expected at least one frame, got none`);
    const encoder = new FrameEncoder(indices.length, settings.side);
    for await (const image of source.read(indices)) await encoder.add(image);
    await writeFrameZip(path, encoder.files);
    const seconds = source.times && source.times[indices.at(-1)!] - source.times[indices[0]];
    return { ...encoder.describe(), ...(seconds !== undefined && { seconds: Math.round(seconds * 1000) / 1000 }) };
  } finally {
    await source.close();
  }
}

function samplingOf({ times }: FrameSource, { fps, limit }: StoredFrameSettings) {
  if (fps === null || !times) return { kind: 'even', limit } as const;
  return { kind: 'fps', fps, limit } as const;
}

/** The frames of one video on their way into the zip. */
class FrameEncoder {
  readonly files: FrameFile[] = [];
  private readonly looks: string[] = [];
  private readonly hashed: ReadonlySet<number>;
  private size = { width: 0, height: 0 };

  constructor(
    private readonly count: number,
    private readonly side: number,
  ) {
    this.hashed = new Set(evenStride(count, LOOKS));
  }

  async add(image: Image): Promise<void> {
    const index = this.files.length;
    const { bytes, width, height } = await encodeJpeg(image, { side: this.side });
    if (index === 0) this.size = { width, height };
    if (this.hashed.has(index)) this.looks.push(await differenceHash(image));
    this.files.push({ name: `${String(index).padStart(5, '0')}.jpg`, bytes });
  }

  describe(): Omit<StoredFrames, 'seconds'> {
    const hash = createHash('sha256');
    for (const { bytes } of this.files) hash.update(bytes);
    const look = Array.from({ length: LOOKS }, (_, i) => this.looks[Math.floor((i * this.looks.length) / LOOKS)]);
    return { frames: this.count, ...this.size, hash: hash.digest('hex').slice(0, 32), look: look.join('') };
  }
}
