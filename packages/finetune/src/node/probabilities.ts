import { combineProbabilities, type Embeddings } from '@wbdc/ensemble-svd';
import { writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import type { Predicted } from '../predicted.js';
import { readJsonLines } from './json-lines.js';

const row = z.object({ id: z.string(), probabilities: z.array(z.number()).min(1) });

const EXPECTED = '{id, probabilities} of a finetune stage';

/**
 * Writes lines `{id, ..., probabilities}`, with 6 digits.
 * @param more further fields of a video's line
 */
export function writeProbabilities(
  path: string,
  predicted: AsyncIterable<Predicted> | Iterable<Predicted>,
  more?: (id: string) => object,
): Promise<void> {
  return writeFileAtomic(path, probabilityLines(predicted, more));
}

async function* probabilityLines(
  predicted: AsyncIterable<Predicted> | Iterable<Predicted>,
  more: (id: string) => object = () => ({}),
): AsyncGenerator<string> {
  for await (const { ids, values } of predicted) {
    const width = values.length / ids.length;
    const line = (id: string, i: number): string => {
      const probabilities = Array.from(values.subarray(i * width, (i + 1) * width), (p) => Number(p.toPrecision(6)));
      return `${JSON.stringify({ id, ...more(id), probabilities })}\n`;
    };
    yield ids.map(line).join('');
  }
}

/** A whole file of {@link writeProbabilities}. @param name of the model, for an ensemble's messages */
export async function readProbabilities(path: string, name = path): Promise<Embeddings> {
  const rows: z.output<typeof row>[] = [];
  for await (const line of readRows(path)) rows.push(line);
  if (rows.length === 0) throw new WbdcError({ where: path, expected: `lines ${EXPECTED}`, got: 'none' });
  return asEmbeddings(rows, name);
}

/** The lines of a file, all of as many probabilities. */
async function* readRows(path: string): AsyncGenerator<z.output<typeof row>> {
  let width: number | undefined;
  for await (const line of readJsonLines(path, row, EXPECTED)) {
    width ??= line.probabilities.length;
    if (line.probabilities.length !== width) {
      const where = `${path}: ${line.id}`;
      const got = String(line.probabilities.length);
      throw new WbdcError({ where, expected: `${width} probabilities, as many as before`, got });
    }
    yield line;
  }
}

function asEmbeddings(rows: readonly z.output<typeof row>[], name: string): Embeddings {
  return {
    name,
    ids: rows.map(({ id }) => id),
    width: rows[0].probabilities.length,
    values: Float64Array.from(rows.flatMap(({ probabilities }) => probabilities)),
  };
}

/** Rows that are in memory together. */
const BLOCK = 1024;

/**
 * The weighted mean of several models' files of such lines, which hold the same videos in the same order.
 *
 * @param options `independent`: of tags, whose probabilities have no sum of 1
 */
export async function* combineProbabilityFiles(
  paths: readonly string[],
  weights?: readonly number[],
  options?: { readonly independent?: boolean },
): AsyncGenerator<Predicted> {
  const files = paths.map((path) => readBlocks(path));
  for (;;) {
    const blocks = await Promise.all(files.map((file) => file.next()));
    const members = blocks.flatMap(({ value }) => value ?? []);
    if (members.length === 0) return;
    const ended = blocks.findIndex(({ done }) => done);
    if (ended >= 0) {
      throw new WbdcError({ where: paths[ended], expected: 'as many videos as in the others', got: 'fewer' });
    }
    const { ids, values } = combineProbabilities(members, weights, options);
    yield { ids, values: Float32Array.from(values) };
  }
}

async function* readBlocks(path: string): AsyncGenerator<Embeddings> {
  let rows: z.output<typeof row>[] = [];
  for await (const line of readRows(path)) {
    if (rows.push(line) < BLOCK) continue;
    yield asEmbeddings(rows, path);
    rows = [];
  }
  if (rows.length > 0) yield asEmbeddings(rows, path);
}
