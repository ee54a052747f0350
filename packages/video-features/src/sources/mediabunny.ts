import { SourceError, reasonOf } from '../errors.js';
import type { Image } from '../image-data.js';
import type { FrameSource, SourceLimits } from './source.js';

/** The subset of mediabunny 1.x that is used here: it is an optional peer, its typings may be absent. */
interface Mediabunny {
  readonly ALL_FORMATS: unknown;
  readonly FilePathSource: new (path: string) => unknown;
  readonly Input: new (options: { formats: unknown; source: unknown }) => Input;
  readonly EncodedPacketSink: new (track: Track) => {
    packets(start: undefined, end: undefined, options: { metadataOnly: boolean }): AsyncIterable<{ timestamp: number }>;
  };
  readonly VideoSampleSink: new (track: Track) => {
    samplesAtTimestamps(times: Iterable<number>): AsyncIterable<Sample | null>;
  };
}

interface Input {
  getPrimaryVideoTrack(): Promise<Track | null>;
  dispose(): void;
}

interface Track {
  readonly codec: string | null;
  readonly displayWidth: number;
  readonly displayHeight: number;
  canDecode(): Promise<boolean>;
}

interface Sample {
  readonly visibleRect: { readonly width: number; readonly height: number };
  readonly rotation: number;
  copyTo(to: Uint8Array, options: { format: 'RGBA' }): Promise<unknown>;
  close(): void;
}

interface Server {
  registerMediabunnyServer(options: { hardwareContext: null }): void;
}

/** mediabunny with its decoders for Node, or undefined where they are not installed. */
export async function loadMediabunny(): Promise<Mediabunny | undefined> {
  provideWithResolvers();
  const [library, server] = await Promise.all([load('mediabunny'), load('@mediabunny/server')]);
  if (!library || !server) return undefined;
  // Looking for hardware costs half a second and prints what it does not find.
  (server as Server).registerMediabunnyServer({ hardwareContext: null });
  return library as Mediabunny;
}

async function load(name: string): Promise<unknown> {
  return import(/* @vite-ignore */ name).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)) return undefined;
    throw error;
  });
}

/** Its decoder calls this function of Node 22, and on Node 20 gives no frames, without an error. */
function provideWithResolvers(): void {
  const target = Promise as PromiseConstructor & { withResolvers?: unknown };
  target.withResolvers ??= function withResolvers() {
    let [resolve, reject]: ((value?: unknown) => void)[] = [];
    const promise = new Promise((onResolve, onReject) => ([resolve, reject] = [onResolve, onReject]));
    return { promise, resolve, reject };
  };
}

/** A video file through mediabunny: no program has to be installed. */
export async function openWithMediabunny(
  library: Mediabunny,
  path: string,
  limits: SourceLimits,
): Promise<FrameSource> {
  const input = new library.Input({ formats: library.ALL_FORMATS, source: new library.FilePathSource(path) });
  try {
    const track = await openTrack(input, path, limits);
    const stamps = await timestamps(library, track, path, limits);
    return {
      name: path,
      count: stamps.length,
      times: stamps.map((time) => time - stamps[0]),
      read: (indices) => readFrames(new library.VideoSampleSink(track), path, indices, stamps),
      close: () => Promise.resolve(input.dispose()),
    };
  } catch (error) {
    input.dispose();
    throw broken(path, error);
  }
}

function broken(path: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const reason = reasonOf(error);
  return new SourceError(`${path}: expected a video, got: ${reason} Leave it out.`, { cause: error });
}

async function openTrack(input: Input, path: string, { image }: SourceLimits): Promise<Track> {
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new SourceError(`${path}: expected a video, found no video track. Leave it out.`);
  const { codec, displayWidth: width, displayHeight: height } = track;
  if (width * height > image.maxPixels) {
    throw new SourceError(`${path}: expected at most ${image.maxPixels} pixels, got ${width} x ${height}`);
  }
  if (await track.canDecode()) return track;
  throw new SourceError(`${path}: mediabunny cannot decode ${codec ?? 'this codec'}: try ffmpeg, or leave it out.`);
}

/** The start of every frame; packets come in the order of decoding. */
async function timestamps(library: Mediabunny, track: Track, path: string, limits: SourceLimits): Promise<number[]> {
  const times: number[] = [];
  const packets = new library.EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true });
  for await (const { timestamp } of packets) {
    if (times.length === limits.maxFrames) {
      throw new SourceError(`${path}: expected at most ${limits.maxFrames} frames, got more`);
    }
    if (timestamp >= 0) times.push(timestamp); // frames before 0 only help to decode
  }
  return times.sort((a, b) => a - b);
}

async function* readFrames(
  sink: InstanceType<Mediabunny['VideoSampleSink']>,
  path: string,
  indices: readonly number[],
  stamps: readonly number[],
): AsyncGenerator<Image> {
  let count = 0;
  try {
    for await (const sample of sink.samplesAtTimestamps(indices.map((index) => stamps[index]))) {
      if (!sample) break;
      yield await toImage(sample);
      count++;
    }
  } catch (error) {
    throw broken(path, error);
  }
  if (count === indices.length) return;
  throw new SourceError(`${path}: expected ${indices.length} frames, got ${count}: is the file cut off? Replace it.`);
}

async function toImage(sample: Sample): Promise<Image> {
  try {
    const { width, height } = sample.visibleRect;
    const pixels = new Uint8Array(width * height * 4);
    await sample.copyTo(pixels, { format: 'RGBA' });
    return turn({ width, height, data: dropAlpha(pixels) }, sample.rotation);
  } finally {
    sample.close();
  }
}

function dropAlpha(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

/** Turns clockwise by a multiple of 90 degrees, as telephones ask for. */
export function turn(image: Image, degrees: number): Image {
  if (degrees % 360 === 0) return image;
  const { width, height, data } = image;
  const turned = new Uint8Array(data.length);
  for (let y = 0, from = 0; y < height; y++) {
    for (let x = 0; x < width; x++, from += 3) {
      const to = (x * height + height - 1 - y) * 3;
      turned[to] = data[from];
      turned[to + 1] = data[from + 1];
      turned[to + 2] = data[from + 2];
    }
  }
  return turn({ width: height, height: width, data: turned }, degrees - 90);
}
