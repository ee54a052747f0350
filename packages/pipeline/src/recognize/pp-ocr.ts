import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { encodePng } from '@wbdc/video-features';
import { importPeer } from './peer.js';
import { mergeLines, type TextReader } from './recognizer.js';

const PACKAGE = '@gutenye/ocr-node';
const VERSION = '1.4.8';

/** What is used of @gutenye/ocr-node. */
interface Ocr {
  detect(path: string): Promise<readonly { readonly text: string; readonly mean: number }[]>;
}

export interface PpOcrOptions {
  /** Lines that it is less sure of are left out, from 0 to 1; 0.6. */
  readonly minConfidence?: number;
  /** Gives the package, where it is not found by its name. */
  readonly load?: () => Promise<unknown>;
}

/**
 * PP-OCR version 4 (Du et al., arXiv 2009.09941) by `@gutenye/ocr-node`, an optional package that brings its models for
 * Chinese and English: nothing is fetched.
 *
 * @throws WbdcError `recognizer-missing` where the package is not installed
 */
export async function ppOcr({ minConfidence = 0.6, load = loadPackage }: PpOcrOptions = {}): Promise<TextReader> {
  const engine = await createEngine(await importPeer(PACKAGE, VERSION, load));
  return {
    name: `pp-ocr-v4, ${minConfidence}`,
    read: async (frames, { signal }) => {
      const folder = await mkdtemp(join(tmpdir(), 'wbdc-ocr-'));
      try {
        const lines: { time: number; text: string }[] = [];
        for (const [i, { image, time }] of frames.entries()) {
          signal?.throwIfAborted();
          const path = join(folder, `${i}.png`);
          await writeFile(path, await encodePng(image));
          const found = await engine.detect(path);
          lines.push(...found.filter(({ mean }) => mean >= minConfidence).map(({ text }) => ({ time, text })));
        }
        return mergeLines(lines);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** By a name that no compiler and no bundler follows: the package is optional. */
function loadPackage(): Promise<unknown> {
  const name: string = PACKAGE;
  return import(name);
}

async function createEngine(module: object): Promise<Ocr> {
  const { default: Engine } = module as { readonly default?: { create?: () => Promise<Ocr> } };
  if (typeof Engine?.create === 'function') return Engine.create();
  const got = `one with ${Object.keys(module).slice(0, 8).join(', ') || 'nothing'}`;
  throw new WbdcError({
    where: PACKAGE,
    expected: `its class with 'create', as in ${VERSION}`,
    got,
    code: 'recognizer-missing',
  });
}
