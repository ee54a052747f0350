import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Dataset } from '@wbdc/data';
import { combineProbabilities, type Embeddings } from '@wbdc/ensemble-svd';
import type { Batch } from '@wbdc/nn';
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { batchesOf } from '../video-set.js';

/** Probabilities `[B, C]` of a batch. */
export type Predict = (batch: Batch) => Tensor2D;

/** Some videos with what a model says of them. */
export interface Predicted {
  readonly ids: readonly string[];
  /** `[ids.length, C]` */
  readonly values: Float32Array;
}

/** What a model says of videos, batch after batch. */
export async function* predictVideos(
  dataset: Dataset,
  rows: readonly number[],
  size: number,
  predict: Predict,
  signal: AbortSignal,
): AsyncGenerator<Predicted> {
  for await (const batch of batchesOf(dataset, rows, size)) {
    signal.throwIfAborted();
    const probabilities = predict(batch);
    yield { ids: batch.ids, values: probabilities.dataSync<'float32'>().slice() };
    probabilities.dispose();
  }
}

/** Rows one after another in one array. */
export function joinRows(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** Lines `{id, probabilities}`, with what else there is to say of a video. */
export async function* probabilityLines(
  predicted: AsyncIterable<Predicted> | Iterable<Predicted>,
  more: (id: string, row: Float32Array) => object = () => ({}),
): AsyncGenerator<string> {
  for await (const { ids, values } of predicted) {
    const width = values.length / ids.length;
    const line = (id: string, i: number): string => {
      const row = values.subarray(i * width, (i + 1) * width);
      const probabilities = Array.from(row, (p) => Number(p.toPrecision(6)));
      return `${JSON.stringify({ id, ...more(id, row), probabilities })}\n`;
    };
    yield ids.map(line).join('');
  }
}

const probabilityRow = z.object({ id: z.string(), probabilities: z.array(z.number()).min(1) });

type ProbabilityRow = z.output<typeof probabilityRow>;

/** One of the lines that {@link probabilityLines} makes. */
export function parseProbabilities(line: string, where: string): ProbabilityRow {
  const fail = (cause: unknown): never => {
    const got = JSON.stringify(line.slice(0, 60));
    throw new UserError(
      `${where}: expected a line {id, probabilities} of a finetune stage, got ${got}: make the file again`,
      1,
      { cause },
    );
  };
  try {
    return probabilityRow.parse(JSON.parse(line));
  } catch (cause) {
    return fail(cause);
  }
}

/** Rows that are in memory together. */
const BLOCK = 1024;

/** The weighted mean of several models' files of such lines, which hold the same videos in the same order. */
export async function* combineFiles(paths: readonly string[], weights?: readonly number[]): AsyncGenerator<Predicted> {
  const files = paths.map((path) => readBlocks(path));
  for (;;) {
    const blocks = await Promise.all(files.map((file) => file.next()));
    const members = blocks.flatMap(({ value }) => value ?? []);
    if (members.length === 0) return;
    const ended = blocks.findIndex(({ done }) => done);
    if (ended >= 0) throw new UserError(`${paths[ended]}: expected as many videos as in the others, got fewer`);
    const { ids, values } = combineProbabilities(members, weights);
    yield { ids, values: Float32Array.from(values) };
  }
}

async function* readBlocks(path: string): AsyncGenerator<Embeddings> {
  let rows: ProbabilityRow[] = [];
  const block = (): Embeddings => {
    const width = rows[0].probabilities.length;
    const values = Float64Array.from(rows.flatMap(({ probabilities }) => probabilities));
    const ids = rows.map(({ id }) => id);
    rows = [];
    return { name: path, ids, width, values };
  };
  let number = 0;
  for await (const line of createInterface(createReadStream(path, 'utf8'))) {
    rows.push(parseProbabilities(line, `${path}: line ${++number}`));
    if (rows.length === BLOCK) yield block();
  }
  if (rows.length > 0) yield block();
}
