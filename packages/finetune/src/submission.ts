import { strToU8, strFromU8, unzipSync, zipSync } from 'fflate';

/** WBDC 2022's `result.csv`: lines `id,category_id`, no header. */
export function writeCategories(predictions: ReadonlyMap<string, string>): string {
  return [...predictions].map(([id, category]) => `${id},${category}\n`).join('');
}

/** Reads `result.csv` and checks it against the ids it must hold, and the categories there are. */
export function readCategories(
  text: string,
  ids: ReadonlySet<string>,
  categories?: ReadonlySet<string>,
): Map<string, string> {
  const problems = new Problems('result.csv');
  const predictions = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line === '') return;
    const [id, category, ...rest] = line.split(',');
    const at = `line ${i + 1}`;
    if (category === undefined || rest.length > 0)
      return problems.add(`${at}: expected 'id,category_id', got '${line}'`);
    if (!/^\d{4}$/.test(category)) problems.add(`${at}: expected a category of 4 digits, got '${category}'`);
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

/** AIAC 2021's submission: a zip that holds `result.json`, `{id: [at most 256 numbers]}`. */
export function writeEmbeddings(embeddings: ReadonlyMap<string, ArrayLike<number>>): Uint8Array {
  const entries = [...embeddings].map(([id, vector]) => `${JSON.stringify(id)}:${JSON.stringify(Array.from(vector))}`);
  // A fixed time stamp: the same embeddings make the same file.
  return zipSync({ 'result.json': strToU8(`{${entries.join(',')}}`) }, { mtime: new Date(1980, 0, 1, 12) });
}

/** Reads a zipped `result.json` and checks it against the ids it must hold. */
export function readEmbeddings(zip: Uint8Array, ids: ReadonlySet<string>): Map<string, number[]> {
  const json = unzipSync(zip, { filter: ({ name }) => name === 'result.json' })['result.json'];
  if (!json) throw new Error('submission: expected result.json in the zip, got none');
  const record: unknown = JSON.parse(strFromU8(json));
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new Error('result.json: expected an object {id: [numbers]}');
  }
  const problems = new Problems('result.json');
  const embeddings = new Map<string, number[]>();
  for (const [id, vector] of Object.entries(record as Record<string, unknown>)) {
    if (isVector(vector)) embeddings.set(id, vector);
    else problems.add(`${id}: expected 1 to ${MAX_DIMENSIONS} finite numbers, got ${describe(vector)}`);
  }
  problems.compareIds(ids, embeddings);
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
    throw new Error([`${this.file}:`, ...shown, ...rest].join('\n'));
  }
}
