import { isDeepStrictEqual } from 'node:util';
import { dot } from '@wbdc/metrics';
import { z } from 'zod';
import { readTable } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import type { TrainedModel } from '../trained-model.js';

/** A line of `wbdc embed`. */
const line = z.object({
  id: z.string(),
  path: z.string().optional(),
  model: z.string(),
  embedding: z.array(z.number()).min(1),
});

export type Embedded = z.output<typeof line>;

/**
 * Reads what `wbdc embed --out` wrote; all lines must come from this model. A video counts once, however often the same
 * line stands there.
 *
 * @throws WbdcError where a line is none, of another model, or says another thing of a video than an earlier one
 */
export async function readCollection(
  path: string,
  { hash, saved }: Pick<TrainedModel, 'hash' | 'saved'>,
): Promise<Embedded[]> {
  const expected = "a line of 'wbdc embed' ({id, model, embedding})";
  const outputs =
    saved.kind === 'pretrained' ? saved.sizes.width : saved.kind === 'similarity' ? saved.head.outputs : 0;
  const { rows } = await readTable(path, { kind: 'lines', onBad: (error) => refuse(error.message) });
  if (rows.length === 0) refuse(`${path}: expected ${expected}, got an empty file`);
  const videos = new Map<string, Embedded>();
  for (const { where, cells } of rows) {
    const parsed = line.safeParse(cells);
    if (!parsed.success) refuse(`${where}: expected ${expected}, got another`);
    const { model, embedding } = parsed.data;
    if (model !== hash) {
      refuse(
        `${where}: expected embeddings of the same model (${hash}), got those of ${model}: cosines of two ` +
          `models do not compare; embed the collection again with this one`,
      );
    }
    if (embedding.length !== outputs)
      refuse(`${where}: expected ${outputs} values, got ${embedding.length}: embed it again`);
    const length = Math.hypot(...embedding);
    if (!(Math.abs(length - 1) < 0.01))
      refuse(`${where}: expected an embedding of length 1, got one of ${length.toPrecision(3)}: embed it again`);
    const earlier = videos.get(parsed.data.id);
    if (earlier !== undefined && !isDeepStrictEqual(earlier.embedding, embedding)) {
      refuse(`${where}: expected every id once, got ${parsed.data.id.slice(0, 100)} with two embeddings`);
    }
    if (earlier === undefined) videos.set(parsed.data.id, parsed.data);
  }
  return [...videos.values()];
}

function refuse(message: string): never {
  throw new WbdcError(message);
}

export interface Neighbour {
  readonly id: string;
  readonly path?: string | undefined;
  /** The cosine. */
  readonly score: number;
}

/** Rounding leaves the product of two unit vectors a little outside. */
function bounded(cosine: number): number {
  return Math.max(-1, Math.min(1, cosine));
}

/** The nearest of a collection, best first. Vectors have length 1. */
export function nearest(vector: ArrayLike<number>, collection: readonly Embedded[], count: number): Neighbour[] {
  const scored = collection.map(({ id, path, embedding }) => ({ id, path, score: bounded(dot(embedding, vector)) }));
  return scored.sort((a, b) => b.score - a.score).slice(0, count);
}
