import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { encodePng } from '@wbdc/video-features';
import { mergeLines, type RecognizeContext, type SpeechReader, type TextReader } from './recognizer.js';
import { waveFile } from './sound.js';

/** A program may take so long for one video. */
const SECONDS = 600;
/** And print so much. */
const MOST_BYTES = 4 << 20;

/**
 * Text in pictures by a program: it is run for each video with the paths of its frames (PNG) behind its own arguments,
 * and prints a line of text each. A line `<number>\t<text>` names the frame it stands in, from 0.
 *
 * @param command as in a shell
 */
export function ocrCommand(command: string): TextReader {
  return {
    name: `command ${command}`,
    read: (frames, context) =>
      inFolder(async (folder) => {
        const paths = await Promise.all(
          frames.map(async ({ image }, i) => {
            const path = join(folder, `${String(i).padStart(5, '0')}.png`);
            await writeFile(path, await encodePng(image));
            return path;
          }),
        );
        const printed = await run(command, paths, context);
        const lines = printed.split(/\r?\n/).map((line) => {
          const [, number, text = line] = /^(\d+)\t(.*)$/.exec(line) ?? [];
          return { time: frames[Number(number ?? 0)]?.time ?? 0, text };
        });
        return mergeLines(lines);
      }),
  };
}

/** Speech by a program: it is run with the path of a WAV file, 16 kHz and one channel, and prints what is said. */
export function asrCommand(command: string): SpeechReader {
  return {
    name: `command ${command}`,
    listen: (sound, context) =>
      inFolder(async (folder) => {
        const path = join(folder, 'sound.wav');
        await writeFile(path, waveFile(sound));
        return (await run(command, [path], context)).replace(/\s+/gu, ' ').trim();
      }),
  };
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-recognize-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a program prints. @throws WbdcError `recognizer-failed` */
function run(command: string, args: readonly string[], { id, signal }: RecognizeContext): Promise<string> {
  const limit = AbortSignal.timeout(SECONDS * 1000);
  const ends = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  return new Promise((resolve, reject) => {
    const fail = (got: string, cause?: unknown): void =>
      reject(
        new WbdcError(
          { where: `${id}: ${command}`, expected: 'a program that prints text', got, code: 'recognizer-failed' },
          { cause },
        ),
      );
    // "$@" stands for the paths: no name of a file is read by the shell.
    const child = spawn('/bin/sh', ['-c', `${command} "$@"`, 'sh', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: ends,
    });
    const [out, complaint]: [Buffer[], Buffer[]] = [[], []];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) child.kill();
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => complaint.length < 100 && complaint.push(chunk));
    child.on('error', (cause) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else fail(limit.aborted ? `nothing for ${SECONDS} seconds` : cause.message, cause);
    });
    child.on('close', (code) => {
      const said = Buffer.concat(complaint).toString('utf8').trim().split('\n').at(-1)?.slice(0, 200) ?? '';
      if (bytes > MOST_BYTES) fail(`more than ${MOST_BYTES} bytes`);
      else if (code === 0) resolve(Buffer.concat(out).toString('utf8'));
      else fail(`exit code ${code ?? 'none'}${said === '' ? '' : `: ${said}`}`);
    });
  });
}
