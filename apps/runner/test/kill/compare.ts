import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { openFeatureStore } from '@wbdc/data';
import { markOf } from './alike.js';

/** Batches are divided otherwise after a resume: the last bit of a float16 near 2. */
const FEATURE_TOLERANCE = 4e-3;
/** The same of float32, printed with six digits. */
const ANSWER_TOLERANCE = 5e-6;
/** What tells of a run's own clock. */
const TIMES = ['created', 'seconds', 'waited', 'videosPerSecond'];

/** How two folders differ: files that one of them lacks, and those of other contents, times aside. */
export async function differences(expected: string, got: string): Promise<string[]> {
  const [wanted, there] = [await filesOf(expected), await filesOf(got)];
  const missing = wanted.filter((name) => !there.includes(name)).map((name) => `${name}: missing`);
  const left = there.filter((name) => !wanted.includes(name)).map((name) => `${name}: left over`);
  const other: string[] = [];
  for (const name of wanted.filter((each) => there.includes(each))) {
    const difference = await compare(join(expected, name), join(got, name));
    if (difference !== undefined) other.push(`${name}: ${difference}`);
  }
  return [...missing, ...left, ...other, ...(await indexDifferences(expected, got))];
}

/** All files below a folder, by their paths from there. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && !/^mat-debug-\d+\.log$/.test(entry.name)) // empty, of ONNX Runtime
    .filter(({ parentPath }) => !INDEX.test(parentPath)) // its files are called as the database likes
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** The folder of an index's table. */
const TABLE = 'videos.lance';
const INDEX = /[\\/](videos\.lance|__manifest)([\\/]|$)/;

async function indexDifferences(expected: string, got: string): Promise<string[]> {
  const rows = await rowsOf(expected);
  const there = await rowsOf(got);
  return [...new Set([...rows.keys(), ...there.keys()])].flatMap((name) => {
    if (rows.get(name) === undefined) return [`${name}: left over`];
    const [wanted, found] = [rows.get(name)!, there.get(name)];
    if (found === undefined) return [`${name}: missing`];
    const difference = compareAnswers(wanted, found);
    return difference === undefined ? [] : [`${name}: ${difference}`];
  });
}

/** What the indices below a folder hold, by their folders: a line a row. */
async function rowsOf(folder: string): Promise<Map<string, string[]>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = new Map<string, string[]>();
  for (const { parentPath } of entries.filter(({ name }) => name === TABLE)) {
    const { connect } = await import('@lancedb/lancedb');
    const connection = await connect(parentPath);
    const table = await connection.openTable('videos');
    const rows = (await table.query().toArray()) as Readonly<Record<string, unknown>>[];
    const lines = rows.map((row) => JSON.stringify({ ...row, thumbnail: undefined }));
    found.set(relative(folder, parentPath), lines.sort());
    connection.close();
  }
  return found;
}

async function compare(expected: string, got: string): Promise<string | undefined> {
  if ((await markOf(expected)) === (await markOf(got))) return undefined; // not written since it was put there
  const [a, b] = await Promise.all([readFile(expected), readFile(got)]);
  if (a.equals(b)) return undefined;
  const name = basename(got);
  if (name === 'stage.json') return sameText(withoutTimes(a), withoutTimes(b));
  if (name === 'metrics.jsonl')
    return sameText(...([a, b].map((bytes) => linesOf(bytes).map(withoutTimes).join('\n')) as [string, string]));
  if (name === 'contents.tsv') return sameText(hashesOf(a), hashesOf(b));
  if (name === 'decoded.jsonl') return sameText(journalOf(a), journalOf(b));
  if (extname(name) === '.html') return sameText(headings(a), headings(b));
  if (['predicted.jsonl', 'embedded.jsonl', 'tagged.jsonl'].includes(name))
    return compareAnswers(linesOf(a), linesOf(b));
  if (extname(name) === '.zip') return compareStores(expected, got);
  return `${b.length} bytes other than the ${a.length} of the uninterrupted run`;
}

function linesOf(bytes: Buffer): string[] {
  return bytes.toString().trimEnd().split('\n');
}

function withoutTimes(json: Buffer | string): string {
  return JSON.stringify(JSON.parse(json.toString()), (key, value: unknown) => (TIMES.includes(key) ? 0 : value));
}

/** Of marks: what the files hold, without their times. */
function hashesOf(marks: Buffer): string {
  const cells = linesOf(marks).map((line) => line.split('\t'));
  return cells.map(([hash, size, , , , name]) => [name, hash, size].join(' ')).join('\n');
}

/** Lines in any order, without one that a kill has torn. */
function journalOf(bytes: Buffer): string {
  const whole = linesOf(bytes).filter((line) => line.endsWith('}'));
  return whole.sort().join('\n');
}

/** Of a page whose numbers tell of time: what it is about, to its end. */
function headings(page: Buffer): string {
  return [...page.toString().matchAll(/<h\d.*?<\/h\d>|<\/html>/gs)].join('\n');
}

function sameText(expected: string, got: string): string | undefined {
  if (expected === got) return undefined;
  const at = [...expected].findIndex((sign, i) => sign !== got[i]);
  const around = (text: string): string => text.slice(Math.max(0, at - 40), at + 40);
  return `expected …${around(expected)}…, got …${around(got)}…`;
}

/** Lines of the same words, and of numbers that are near. */
function compareAnswers(expected: readonly string[], got: readonly string[]): string | undefined {
  const number = /-?\d+\.\d+(?:e-?\d+)?/g;
  const words = (lines: readonly string[]): string => lines.join('\n').replaceAll(number, '#');
  const numbers = (lines: readonly string[]): number[] => (lines.join('\n').match(number) ?? []).map(Number);
  const other = sameText(words(expected), words(got));
  if (other !== undefined) return other;
  const there = numbers(got);
  const far = numbers(expected).find((value, i) => !(Math.abs(value - there[i]) < ANSWER_TOLERANCE));
  return far === undefined ? undefined : `expected ${far}, got another number`;
}

async function compareStores(expected: string, got: string): Promise<string | undefined> {
  const [a, b] = await Promise.all([openFeatureStore(expected), openFeatureStore(got)]);
  try {
    if ([...a.ids].join() !== [...b.ids].join()) return `expected ${[...a.ids].join()}, got ${[...b.ids].join()}`;
    for (const id of a.ids) {
      const [{ data, shape }, other] = [await a.read(id), await b.read(id)];
      if (shape.join() !== other.shape.join())
        return `${id}: expected shape ${shape.join()}, got ${other.shape.join()}`;
      const far = data.findIndex((value, i) => !(Math.abs(value - other.data[i]) < FEATURE_TOLERANCE));
      if (far >= 0) return `${id}: expected ${data[far]} at place ${far}, got ${other.data[far]}`;
    }
    return undefined;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}
