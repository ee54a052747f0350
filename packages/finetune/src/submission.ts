import { strToU8, strFromU8, unzipSync, zipSync } from 'fflate';
import { WbdcError } from '@wbdc/io/errors';

const CATEGORY = /^\d{4}$/;

/**
 * WBDC 2022's `result.csv`: lines `id,category_id`, no header.
 * @throws where an id or a category would not read again
 */
export function writeCategories(predictions: ReadonlyMap<string, string>): string {
  const problems = new Problems('result.csv');
  for (const [id, category] of predictions) {
    if (!/^[^,\s]+$/.test(id)) problems.add(`expected an id without commas and spaces, got '${id}'`);
    if (!CATEGORY.test(category)) problems.add(`${id}: expected a category of 4 digits, got '${category}'`);
  }
  problems.throwIfAny();
  return [...predictions].map(([id, category]) => `${id},${category}\n`).join('');
}

/**
 * Reads `result.csv` and checks it against the ids it must hold, and the categories there are; `file` is for messages.
 */
export function readCategories(
  text: string,
  ids: ReadonlySet<string>,
  categories?: ReadonlySet<string>,
  file = 'result.csv',
): Map<string, string> {
  const problems = new Problems(file);
  const predictions = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  lines.forEach((line, i) => {
    if (line === '') return;
    const [id, category, ...rest] = line.split(',');
    const at = `line ${i + 1}`;
    if (category === undefined || rest.length > 0)
      return problems.add(`${at}: expected 'id,category_id', got '${line}'`);
    if (!CATEGORY.test(category)) problems.add(`${at}: expected a category of 4 digits, got '${category}'`);
    else if (categories && !categories.has(category))
      problems.add(`${at}: expected a known category, got '${category}'`);
    if (predictions.has(id)) problems.add(`${at}: expected every id once, got ${id} again`);
    predictions.set(id, category);
  });
  problems.compareIds(ids, predictions);
  problems.throwIfAny();
  return predictions;
}

/** Most dimensions of an embedding in AIAC 2021. */
export const MAX_DIMENSIONS = 256;

/**
 * AIAC 2021's submission: a zip that holds `result.json`, `{id: [at most 256 numbers]}`.
 * @throws where an embedding is not one that {@link readEmbeddings} would take
 */
export function writeEmbeddings(embeddings: ReadonlyMap<string, ArrayLike<number>>): Uint8Array {
  const checked = checkEmbeddings(new Map([...embeddings].map(([id, vector]) => [id, Array.from(vector)])));
  const entries = [...checked].map(([id, vector]) => `${JSON.stringify(id)}:${JSON.stringify(vector)}`);
  // A fixed time stamp: the same embeddings make the same file.
  return zipSync({ 'result.json': strToU8(`{${entries.join(',')}}`) }, { mtime: new Date(1980, 0, 1, 12) });
}

/** Reads a zipped `result.json` and checks it, also against the ids it must hold, where those are given. */
export function readEmbeddings(zip: Uint8Array, ids?: ReadonlySet<string>): Map<string, number[]> {
  const text = unzipResult(zip);
  const record = new Map(Object.entries(parseResult(text)));
  // Every key is an id. A parser keeps the last of two and says nothing.
  const written = text.match(/"(?:[^"\\]|\\.)*"\s*:/g)?.length ?? 0;
  return checkEmbeddings(record, { ids, written });
}

function unzipResult(zip: Uint8Array): string {
  let json: Uint8Array | undefined;
  try {
    json = unzipSync(zip, { filter: ({ name }) => name === 'result.json' })['result.json'];
  } catch (cause) {
    throw new WbdcError('submission: expected a zip with result.json, got something else or a damaged one', { cause });
  }
  if (!json) throw new WbdcError('submission: expected result.json in the zip, got none');
  return strFromU8(json);
}

function parseResult(text: string): Record<string, unknown> {
  const expected = 'result.json: expected an object {id: [numbers]}';
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    // Python's json writes NaN and Infinity as they are, which no JSON parser has to take.
    const odd = /"([^"]*)"\s*:\s*\[[^\]]*?(NaN|-?Infinity)/.exec(text);
    const got = odd ? `${odd[2]} in ${odd[1]}, which JSON does not have` : (cause as Error).message;
    throw new WbdcError(`${expected}, got ${got}`, { cause });
  }
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record as Record<string, unknown>;
  throw new WbdcError(`${expected}, got ${Array.isArray(record) ? 'a list' : String(record)}`);
}

function checkEmbeddings(
  record: ReadonlyMap<string, unknown>,
  expected?: { readonly ids: ReadonlySet<string> | undefined; readonly written: number },
): Map<string, number[]> {
  const problems = new Problems('result.json');
  const embeddings = new Map<string, number[]>();
  for (const [id, vector] of record) {
    if (isVector(vector)) embeddings.set(id, vector);
    else problems.add(`${id}: expected 1 to ${MAX_DIMENSIONS} finite numbers, got ${describe(vector)}`);
  }
  if (expected && expected.written > record.size) {
    problems.add(`expected every id once, got ${expected.written - record.size} again`);
  }
  if (expected?.ids) problems.compareIds(expected.ids, record);
  problems.compareWidths(embeddings);
  problems.throwIfAny();
  return embeddings;
}

function isVector(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_DIMENSIONS &&
    value.every((x) => Number.isFinite(x))
  );
}

function describe(value: unknown): string {
  if (!Array.isArray(value)) return typeof value;
  const odd = value.findIndex((x) => !Number.isFinite(x));
  return odd < 0 ? `${value.length} numbers` : `${String(value[odd])} at place ${odd}`;
}

/** Collects what is wrong, so that all of it is told at once. */
class Problems {
  readonly #found: string[] = [];

  constructor(private readonly file: string) {}

  add(problem: string): void {
    this.#found.push(problem);
  }

  compareIds(expected: ReadonlySet<string>, got: ReadonlyMap<string, unknown>): void {
    const missing = [...expected].filter((id) => !got.has(id));
    const unknown = [...got.keys()].filter((id) => !expected.has(id));
    if (missing.length > 0)
      this.add(`expected ${expected.size} ids, ${missing.length} are missing (${missing[0]}, ...)`);
    if (unknown.length > 0) this.add(`expected no other ids, got ${unknown.length} unknown ones (${unknown[0]}, ...)`);
  }

  compareWidths(embeddings: ReadonlyMap<string, readonly number[]>): void {
    const widths = [...new Set([...embeddings.values()].map((vector) => vector.length))];
    if (widths.length > 1) this.add(`expected vectors of one width, got ${widths.join(', ')}`);
  }

  throwIfAny(): void {
    if (this.#found.length === 0) return;
    const shown = this.#found.slice(0, 10).map((problem) => `  ${problem}`);
    const rest = this.#found.length > 10 ? [`  and ${this.#found.length - 10} more`] : [];
    throw new WbdcError([`${this.file}:`, ...shown, ...rest].join('\n'));
  }
}
