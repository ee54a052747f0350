import { strToU8, zipSync } from 'fflate';
import { WbdcError } from '@wbdc/io/errors';
import { readEmbeddingsJson, type EmbeddingEntry } from './submission/embeddings-json.js';
import { clip, Problems } from './submission/problems.js';

const CATEGORY = /^\d{4}$/;

/**
 * WBDC 2022's `result.csv`: lines `id,category_id`, no header.
 * @throws where an id or a category would not read again
 */
export function writeCategories(predictions: ReadonlyMap<string, string>): string {
  const problems = new Problems('result.csv');
  for (const [id, category] of predictions) {
    if (!/^[^,\s]+$/.test(id)) problems.add(`expected an id without commas and spaces, got '${clip(id)}'`);
    if (!CATEGORY.test(category)) problems.add(`${clip(id)}: expected a category of 4 digits, got '${clip(category)}'`);
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
      return problems.add(`${at}: expected 'id,category_id', got '${clip(line)}'`);
    if (!CATEGORY.test(category)) problems.add(`${at}: expected a category of 4 digits, got '${clip(category)}'`);
    else if (categories && !categories.has(category))
      problems.add(`${at}: expected a known category, got '${category}'`);
    if (predictions.has(id)) problems.add(`${at}: expected every id once, got ${clip(id)} again`);
    predictions.set(id, category);
  });
  problems.compareIds(ids, predictions);
  problems.throwIfAny();
  return predictions;
}

/** Most dimensions of an embedding in AIAC 2021. */
export const MAX_DIMENSIONS = 256;

/** What a submission may cost: 25,000 videos of 256 numbers with all their digits take a fourth of it unpacked. */
export const MOST = { bytes: 512 * 2 ** 20, videos: 1_000_000, numbers: 2 ** 25 } as const;

/** The file in a submission of embeddings. */
export const RESULT = 'result.json';

/**
 * AIAC 2021's submission: a zip that holds `result.json`, `{id: [at most 256 numbers]}`.
 * @throws where an embedding is not one that `readEmbeddings` would take
 */
export function writeEmbeddings(embeddings: ReadonlyMap<string, ArrayLike<number>>): Uint8Array {
  const checked = gather(entriesOf(embeddings));
  const texts = [...checked].map(([id, vector]) => `${JSON.stringify(id)}:${JSON.stringify(vector)}`);
  const length = texts.reduce((sum, text) => sum + text.length + 1, 1);
  if (length > MOST.bytes) {
    throw new WbdcError({ where: RESULT, expected: `at most ${MOST.bytes} bytes`, got: String(length) });
  }
  // A fixed time stamp: the same embeddings make the same file.
  return zipSync({ [RESULT]: strToU8(`{${texts.join(',')}}`) }, { mtime: new Date(1980, 0, 1, 12) });
}

function* entriesOf(embeddings: ReadonlyMap<string, ArrayLike<number>>): Generator<EmbeddingEntry> {
  for (const [id, vector] of embeddings) yield { id, vector: Array.from(vector) };
}

/** The embeddings in a `result.json`, see `readEmbeddings` of `@wbdc/finetune/node`. */
export function parseEmbeddings(json: Uint8Array, ids?: ReadonlySet<string>): Map<string, number[]> {
  return gather(readEmbeddingsJson(json), ids);
}

/** The embeddings by id, all of them judged. */
function gather(entries: Iterable<EmbeddingEntry>, ids?: ReadonlySet<string>): Map<string, number[]> {
  const problems = new Problems(RESULT);
  const embeddings = new Map<string, number[]>();
  const seen = new Set<string>();
  let numbers = 0;
  for (const { id, vector } of entries) {
    if (seen.has(id)) problems.add(`expected every id once, got ${clip(id)} again`);
    seen.add(id);
    if (isVector(vector)) embeddings.set(id, vector);
    else problems.add(`${clip(id)}: expected 1 to ${MAX_DIMENSIONS} finite numbers, got ${describe(vector)}`);
    numbers += Array.isArray(vector) ? vector.length : 0;
    if (seen.size > MOST.videos || numbers > MOST.numbers) {
      problems.add(`expected at most ${MOST.videos} videos and ${MOST.numbers} numbers, got more`);
      break;
    }
  }
  if (ids) problems.compareIds(ids, seen);
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
  return odd < 0 ? `${value.length} numbers` : `${clip(String(value[odd]))} at place ${odd}`;
}
