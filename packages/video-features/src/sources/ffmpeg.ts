import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { SourceError } from '../errors.js';
import type { Image } from '../image-data.js';
import { readPpm } from './ppm.js';
import type { FrameSource, SourceLimits } from './source.js';

/** Whether ffmpeg and ffprobe are on the PATH. */
export async function hasFfmpeg(): Promise<boolean> {
  const installed = await Promise.all(['ffmpeg', 'ffprobe'].map((name) => starts(name)));
  return installed.every(Boolean);
}

function starts(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    spawn(name, ['-version'], { stdio: 'ignore' })
      .on('error', () => resolve(false))
      .on('close', (code) => resolve(code === 0));
  });
}

/** A video file through the ffmpeg programs. Frames are converted to RGB by ffmpeg and turned as the file asks for. */
export async function openWithFfmpeg(path: string, limits: SourceLimits): Promise<FrameSource> {
  const { width, height, times, count } = await probe(path, limits);
  if (width * height > limits.image.maxPixels) {
    throw new SourceError(`${path}: expected at most ${limits.image.maxPixels} pixels, got ${width} x ${height}`);
  }
  return {
    name: path,
    count,
    ...(times && { times }),
    read: (indices) => readFrames(path, indices, limits),
    close: () => Promise.resolve(),
  };
}

interface Probe {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly times?: readonly number[];
}

/** Sizes, and the times of all packets: the frames are counted without decoding one. */
async function probe(path: string, limits: SourceLimits): Promise<Probe> {
  const entries = 'packet=pts_time,flags:stream=width,height,nb_frames';
  const program = start(
    'ffprobe',
    ['-select_streams', 'v:0', '-show_entries', entries, '-of', 'csv', ...input(path)],
    limits,
  );
  const packets: string[] = [];
  let counted = 0;
  let size: number[] | undefined;
  for await (const line of lines(program.child.stdout)) {
    const [kind, ...fields] = line.split(',');
    if (kind === 'stream') size = fields.map(Number);
    if (kind === 'packet') counted++;
    // D: a frame that the container's edit list hides.
    if (kind === 'packet' && !fields[1]?.includes('D')) packets.push(fields[0]);
    if (packets.length > limits.maxFrames) {
      program.child.kill();
      throw new SourceError(`${path}: expected at most ${limits.maxFrames} frames, got more`);
    }
  }
  await program.end(path);
  if (!size) throw new SourceError(`${path}: expected a video, found no video track. Leave it out.`);
  const [width, height, listed] = size; // mp4 and mov list how many frames there are, others say N/A
  if (counted < listed || /ended prematurely|partial file/.test(program.complaint())) {
    const all = counted < listed ? `${listed} frames` : 'a whole file';
    throw new SourceError(`${path}: expected ${all}, got ${counted} frames: the file is cut off. Replace it.`);
  }
  const known = packets.every((time) => /^-?\d/.test(time));
  const times = packets.map(Number).sort((a, b) => a - b); // packets come in the order of decoding
  return { width, height, count: packets.length, ...(known && { times: times.map((time) => time - times[0]) }) };
}

async function* readFrames(path: string, indices: readonly number[], limits: SourceLimits): AsyncGenerator<Image> {
  if (indices.length === 0) return;
  const { filter, picked } = selection(indices);
  // Frames are numbered anew at the output's rate: else ffmpeg repeats and drops some to fill the gaps between them.
  const video = ['-map', '0:v:0', '-vf', `${filter},setpts=N/25/TB`, '-r', '25', '-frames:v', `${picked.length}`];
  const program = start(
    'ffmpeg',
    // 8 bits a colour, also of videos with 10 (HEVC of telephones, AV1): PPM would else have 16.
    ['-nostdin', ...input(path), ...video, '-pix_fmt', 'rgb24', '-f', 'image2pipe', '-c:v', 'ppm', '-'],
    limits,
  );
  let seen = 0;
  try {
    for await (const image of readPpm(program.child.stdout, path, limits.image.maxPixels)) {
      if (picked[seen++]) yield image;
    }
    await program.end(path);
  } finally {
    program.child.kill();
  }
  if (seen < picked.length) {
    throw new SourceError(`${path}: expected ${picked.length} frames, got ${seen}: is the file cut off? Replace it.`);
  }
}

/** Runs beyond this number would make a filter that is slow to evaluate on every frame. */
const MAX_RUNS = 500;

/** A filter that selects these indices, and which of the frames it lets through are wanted. */
function selection(indices: readonly number[]): { filter: string; picked: boolean[] } {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === index) last[1] = index;
    else runs.push([index, index]);
  }
  const select = (ranges: readonly [number, number][]) =>
    `select=${ranges.map(([from, to]) => `between(n\\,${from}\\,${to})`).join('+')}`;
  if (runs.length <= MAX_RUNS) return { filter: select(runs), picked: indices.map(() => true) };
  const [first, last] = [indices[0], indices[indices.length - 1]];
  const wanted = new Set(indices);
  const picked = Array.from({ length: last - first + 1 }, (_, i) => wanted.has(first + i));
  return { filter: select([[first, last]]), picked };
}

/** Containers of videos. No playlists, scripts or pictures: those name other files, and one of itself has no end. */
const FORMATS = [
  ...['mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2', 'matroska', 'webm', 'avi', 'flv', 'asf', 'mpeg', 'mpegts', 'mpegvideo'],
  ...[
    'm4v',
    'h264',
    'hevc',
    'av1',
    'obu',
    'ivf',
    'ogg',
    'rm',
    'mxf',
    'nut',
    'dv',
    'vc1',
    'wtv',
    'gif',
    'y4m',
    'yuv4mpegpipe',
  ],
];

/** A local video file and nothing else. */
function input(path: string): string[] {
  return ['-protocol_whitelist', 'file', '-format_whitelist', FORMATS.join(','), '-i', `file:${path}`];
}

/** Programs that run: they end with this process. */
const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();

function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What the program has complained about so far. */
  complaint(): string;
  /** Waits for the end, and throws what the program complained about when it failed. */
  end(path: string): Promise<void>;
}

function start(program: string, args: readonly string[], { maxSeconds }: SourceLimits): Running {
  const options = { timeout: maxSeconds * 1000, killSignal: 'SIGKILL' as const };
  const child = spawn(program, ['-v', 'error', ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  if (running.size === 0) process.once('exit', endAll);
  running.add(child);
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(0, 2000)));
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  }).finally(() => {
    running.delete(child);
    if (running.size === 0) process.off('exit', endAll);
  });
  ended.catch(() => undefined); // reported by end()
  return {
    child,
    complaint: () => complaint,
    end: async (path) => {
      const result = await ended;
      if (result === 0) return;
      const said = complaint
        .trim()
        .split('\n')[0]
        .replace(/^\[[^\]]* @ 0x\w+\] /, ''); // which of its components says it
      const reason = said || `${program} ended with ${result} (limit ${maxSeconds} s)`;
      throw new SourceError(`${path}: expected a video that ${program} reads, got: ${reason}. Leave it out.`);
    },
  };
}

async function* lines(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const text of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest) yield rest;
}
