import { createHash } from 'node:crypto';
import { evenStride, writeFrameZip, type FrameFile } from '@wbdc/data';
import { openFoundVideo, sampleFrames, SourceError, type FrameSource, type Image } from '@wbdc/video-features';
import sharp from 'sharp';
import type { FoundVideo } from '@wbdc/video-features';

/** Which frames are taken and how they are kept. */
export interface FrameSettings {
  /** Frames a second, where the video has times; null takes them evenly over the whole video. */
  readonly fps: number | null;
  /** Most frames of a video; of more, an even stride. */
  readonly limit: number;
  /** Longest shorter side in pixels: larger pictures are shrunk. */
  readonly side: number;
}

/** What became of a video. */
export interface Decoded {
  readonly frames: number;
  /** Pixels of the first frame as it is kept. */
  readonly width: number;
  readonly height: number;
  /** Seconds of video that the frames span, where the video has times. */
  readonly seconds?: number;
  /** Of the frames as they are kept: equal hashes, equal pictures. */
  readonly hash: string;
  /** Difference hashes of four frames, in hexadecimal: near ones look alike. */
  readonly look: string;
}

const QUALITY = 90;
/** Frames that a look is made of. */
const LOOKS = 4;

/**
 * Samples and decodes a video and writes its frames as JPEG.
 * @throws SourceError when the content is at fault, also when there is not one frame
 */
export async function writeFrames(
  source: FoundVideo,
  id: string,
  path: string,
  settings: FrameSettings,
): Promise<Decoded> {
  const opened = await openFoundVideo(source);
  try {
    const places = sampleFrames(samplingOf(opened, settings), opened, id);
    if (places.length === 0) throw new SourceError(`${source.path}: expected at least one frame, got none`);
    const kept = new Keeper(places.length, settings.side);
    for await (const image of opened.read(places)) await kept.add(image);
    await writeFrameZip(path, kept.files);
    const seconds = opened.times && opened.times[places.at(-1)!] - opened.times[places[0]];
    return { ...kept.describe(), ...(seconds !== undefined && { seconds: Math.round(seconds * 1000) / 1000 }) };
  } finally {
    await opened.close();
  }
}

function samplingOf({ times }: FrameSource, { fps, limit }: FrameSettings) {
  if (fps === null || !times) return { kind: 'even', limit } as const;
  return { kind: 'fps', fps, limit } as const;
}

/** The frames of one video on their way into the zip. */
class Keeper {
  readonly files: FrameFile[] = [];
  private readonly looks: string[] = [];
  private readonly looked: ReadonlySet<number>;
  private size = { width: 0, height: 0 };

  constructor(
    private readonly count: number,
    private readonly side: number,
  ) {
    this.looked = new Set(evenStride(count, LOOKS));
  }

  async add(image: Image): Promise<void> {
    const place = this.files.length;
    const { data, info } = await this.encode(image);
    if (place === 0) this.size = { width: info.width, height: info.height };
    if (this.looked.has(place)) this.looks.push(await differenceHash(image));
    this.files.push({ name: `${String(place).padStart(5, '0')}.jpg`, bytes: data });
  }

  describe(): Omit<Decoded, 'seconds'> {
    const hash = createHash('sha256');
    for (const { bytes } of this.files) hash.update(bytes);
    const look = Array.from({ length: LOOKS }, (_, i) => this.looks[Math.floor((i * this.looks.length) / LOOKS)]);
    return { frames: this.count, ...this.size, hash: hash.digest('hex').slice(0, 32), look: look.join('') };
  }

  private encode(image: Image) {
    const smaller = Math.min(image.width, image.height);
    const scale = Math.min(1, this.side / smaller);
    const size = [image.width, image.height].map((length) => Math.max(1, Math.round(length * scale)));
    return raw(image)
      .resize(size[0], size[1], { fit: 'fill' })
      .jpeg({ quality: QUALITY })
      .toBuffer({ resolveWithObject: true });
  }
}

function raw({ data, width, height }: Image) {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** 64 bits: in a picture of 9 x 8 grey values, whether each is darker than its right neighbour ("dHash"). */
async function differenceHash(image: Image): Promise<string> {
  const grey = await raw(image).resize(9, 8, { fit: 'fill' }).greyscale().raw().toBuffer();
  let bits = '';
  for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) bits += Number(grey[9 * y + x] < grey[9 * y + x + 1]);
  return BigInt(`0b${bits}`).toString(16).padStart(16, '0');
}
