import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { readAnnotations, textsOf } from '@wbdc/data';
import { z } from 'zod';
import { UserError } from '../errors.js';

/** The text of a video: title, OCR and ASR. */
export type Texts = Readonly<Record<string, string>>;

const FIELDS = ['title', 'ocr', 'asr'] as const;

/**
 * Texts by the ids of their videos: `.tsv` with a first line that names its columns (id and some of title, ocr, asr),
 * `.jsonl` with such objects (ocr also as WBDC's list of {time, text}), or WBDC's own `.json`.
 */
export async function readTexts(path: string): Promise<Map<string, Texts>> {
  const readers: Readonly<Record<string, (path: string) => Promise<[string, Texts][]>>> = {
    '.tsv': readTsv,
    '.jsonl': readJsonl,
    '.json': readOfficial,
  };
  const read = readers[extname(path).toLowerCase()];
  if (read === undefined) {
    throw new UserError(`--texts ${path}: expected a .tsv, .jsonl or .json file, got '${extname(path) || path}'`);
  }
  const texts = new Map<string, Texts>();
  for (const [id, fields] of await read(path)) {
    if (texts.has(id)) throw new UserError(`${path}: expected every id once, got '${id}' twice`);
    texts.set(id, fields);
  }
  return texts;
}

async function readOfficial(path: string): Promise<[string, Texts][]> {
  const rows: [string, Texts][] = [];
  for await (const video of readAnnotations(path)) rows.push([video.id, textsOf(video)]);
  return rows;
}

async function readTsv(path: string): Promise<[string, Texts][]> {
  const [head, ...lines] = (await numberedLines(path)).map(({ line, number }) => ({ cells: line.split('\t'), number }));
  const columns = head?.cells.map((name) => name.trim().toLowerCase()) ?? [];
  const unknown = columns.find((name) => name !== 'id' && !FIELDS.some((field) => field === name));
  if (!columns.includes('id') || unknown !== undefined) {
    throw new UserError(
      `${path}: line 1: expected the names of the columns, id and some of ${FIELDS.join(', ')}, with tabs between, ` +
        `got '${columns.join(' ')}'`,
    );
  }
  return lines.map(({ cells, number }) => {
    if (cells.length !== columns.length) {
      throw new UserError(`${path}: line ${number}: expected ${columns.length} columns, got ${cells.length}`);
    }
    const { id, ...fields } = Object.fromEntries(columns.map((name, i) => [name, cells[i]]));
    return [id, fields];
  });
}

const text = z.string('a text').default('');
const record = z.object({
  id: z.string('a text in quotes').min(1, 'a text that is not empty'),
  title: text,
  asr: text,
  ocr: z
    .union([z.string(), z.array(z.object({ time: z.number(), text: z.string() }))], 'a text or a list of {time, text}')
    .default(''),
});

async function readJsonl(path: string): Promise<[string, Texts][]> {
  return (await numberedLines(path)).map(({ line, number }) => {
    const where = `${path}: line ${number}`;
    const parsed = record.safeParse(parseLine(line, where));
    if (!parsed.success) {
      const [{ path: place, message }] = parsed.error.issues;
      throw new UserError(`${where}: expected ${place.join('.') || 'an object with an id'}: ${message}`);
    }
    const { id, title, asr, ocr } = parsed.data;
    return [id, typeof ocr === 'string' ? { title, asr, ocr } : textsOf({ id, title, asr, ocr })];
  });
}

/** JSON of one line. */
export function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new UserError(`${where}: expected JSON, got '${line.slice(0, 40)}'`, 1, { cause });
  }
}

/** The lines that hold something, with their numbers from 1. */
export async function numberedLines(path: string): Promise<{ line: string; number: number }[]> {
  const lines = (await readFile(path, 'utf8')).replace(/^\ufeff/, '').split(/\r?\n/);
  return lines.map((line, i) => ({ line, number: i + 1 })).filter(({ line }) => line.trim() !== '');
}
