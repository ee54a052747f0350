import { spawn } from 'node:child_process';
import { SourceError } from '@wbdc/video-features';
import type { Sound } from './recognizer.js';

const RATE = 16_000;
/** Half an hour: 115 MB. */
const MOST_SECONDS = 1800;

/**
 * The sound of a video file by ffmpeg: one channel of 16 kHz, the first half hour; undefined where it has no sound.
 *
 * @throws SourceError where there is no ffmpeg, or the file is no video
 */
export function readSound(path: string, signal?: AbortSignal): Promise<Sound | undefined> {
  const target = ['-vn', '-ac', '1', '-ar', String(RATE), '-t', String(MOST_SECONDS), '-f', 'f32le', '-'];
  const args = ['-nostdin', '-v', 'error', '-i', `file:${path}`, ...target];
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
    const [chunks, complaint]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => complaint.length < 100 && complaint.push(chunk));
    child.on('error', (cause) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      reject(new SourceError(`${path}: expected ffmpeg, which reads the sound, got: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      const said = Buffer.concat(complaint).toString('utf8');
      const samples = floatsIn(Buffer.concat(chunks));
      if (samples.length > 0) return resolve({ samples, sampleRate: RATE });
      // ffmpeg says so of a file without sound, and ends with an error.
      if (code === 0 || /does not contain any stream|no audio|matches no streams/i.test(said))
        return resolve(undefined);
      reject(
        new SourceError(`${path}: expected a video with its sound, got: ${said.trim().split('\n').at(-1) ?? code}`),
      );
    });
  });
}

function floatsIn(bytes: Buffer): Float32Array {
  const copy = new Uint8Array(bytes.length - (bytes.length % 4));
  copy.set(bytes.subarray(0, copy.length));
  return new Float32Array(copy.buffer);
}

/** A WAV file of 16 bits. */
export function waveFile({ samples, sampleRate }: Sound): Uint8Array {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + 2 * samples.length, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16); // bytes of the format
  bytes.writeUInt16LE(1, 20); // PCM
  bytes.writeUInt16LE(1, 22); // channels
  bytes.writeUInt32LE(sampleRate, 24);
  bytes.writeUInt32LE(2 * sampleRate, 28);
  bytes.writeUInt16LE(2, 32); // bytes of a frame
  bytes.writeUInt16LE(16, 34); // bits of a value
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((value, i) => bytes.writeInt16LE(Math.round(32_767 * Math.max(-1, Math.min(1, value))), 44 + 2 * i));
  return bytes;
}
