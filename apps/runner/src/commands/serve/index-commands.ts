import { resolve } from 'node:path';
import { counted, formatBytes } from '@wbdc/report/format';
import { openIndex, type IndexHit, type ModelVector, type VideoIndex } from '@wbdc/search';
import { addEmbedded } from '@wbdc/serve';
import { keepThumbnails } from '@wbdc/video-features';
import { UserError } from '../../core/errors.js';
import { Output } from '../../core/output.js';
import type { IndexAddOptions, IndexOptions, IndexSearchOptions } from '../serve-options.js';
import { assertSome } from '../serving.js';
import { openEmbedder, withModel, type SessionRequest } from './session.js';

/** Opens the index that --in means for as long as it is used. */
async function withIndex<T>(
  output: Output,
  options: IndexOptions,
  use: (index: VideoIndex) => Promise<T>,
  create = false,
): Promise<T> {
  const place = options.in.includes('://') ? options.in : resolve(output.terminal.folder, options.in);
  const index = await openIndex(place, { create });
  return use(index).finally(() => index.close());
}

/** `wbdc index add` */
export async function addVideos(
  paths: readonly string[],
  options: IndexAddOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { decode, take } = keepThumbnails();
  const request = { kind: 'similarity', paths, options, output, signal, decode } as const;
  await withModel(request, openEmbedder, async ({ model, videos, inputs, running, skipped, watch, detailsOf }) => {
    const pathOf = new Map(videos.map(({ id, path }) => [id, path]));
    const result = await withIndex(
      output,
      options,
      async (index) => {
        // Small batches: decoding takes longer than writing, and what is written is safe.
        const added = await addEmbedded(index, embeddingsOf(watch(model.embed(inputs, running))), {
          name: options.as,
          hash: model.hash,
          detailsOf: (id) => ({ ...detailsOf(id), path: pathOf.get(id)! }),
          thumbnail: take,
          ...{ batchSize: 32, signal, onMessage: (line) => output.say(line) },
        });
        return { ...added, videos: (await index.stats()).videos };
      },
      true,
    );
    assertSome(inputs.length, skipped.length);
    output.say(`index    ${options.in}: ${counted(result.added, 'video')} added, ${result.updated} renewed`);
    output.result({ index: options.in, ...result, skipped });
  });
}

async function* embeddingsOf<T>(served: AsyncIterable<{ readonly row: T }>): AsyncGenerator<T> {
  for await (const { row } of served) yield row;
}

/** `wbdc index remove` */
export async function removeVideos(output: Output, options: IndexOptions, ids: readonly string[]): Promise<void> {
  const removed = await withIndex(output, options, (index) => index.remove(ids));
  const missing = ids.length - removed;
  output.say(`removed  ${counted(removed, 'video')}${missing > 0 ? `; ${missing} were not there` : ''}`);
  output.result({ index: options.in, removed, missing });
}

/** `wbdc index stats` */
export async function showStatistics(output: Output, options: IndexOptions): Promise<void> {
  const { videos, bytes, version, models } = await withIndex(output, options, (index) => index.stats());
  output.say(`videos   ${counted(videos, 'video')}${bytes === undefined ? '' : `, ${formatBytes(bytes)}`}`);
  for (const { name, hash, width, vectors, indexed, search } of models) {
    const graph = search === 'approximate' ? `approximate, ${indexed} in the graph` : 'exact';
    output.say(`vectors  ${name}: ${vectors} of ${width} values by the model ${hash}; ${graph}`);
  }
  output.result({ index: options.in, videos, bytes, version, models });
}

/** `wbdc index compact` */
export async function compactIndex(output: Output, options: IndexOptions): Promise<void> {
  const [before, after] = await withIndex(output, options, async (index) => {
    const { bytes } = await index.stats();
    await index.compact({ onMessage: (line) => output.say(line) });
    return [bytes, (await index.stats()).bytes];
  });
  if (before !== undefined && after !== undefined)
    output.say(`size     ${formatBytes(before)}, now ${formatBytes(after)}`);
  output.result({ index: options.in, before, after });
}

/** `wbdc search`, `wbdc index search` */
export async function searchIndex(
  words: string | undefined,
  options: IndexSearchOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (words === undefined && options.video === undefined && options.like === undefined) {
    throw new UserError('expected words, --video <path> or --like <id>, got none of them', 2);
  }
  const filter = {
    categories: options.category,
    tags: options.tag,
    ...(options.after !== undefined && { after: dateOf(options.after, '--after') }),
    ...(options.before !== undefined && { before: dateOf(options.before, '--before') }),
    ...(options.like !== undefined && { exceptIds: [options.like] }),
  };
  await withIndex(output, options, async (index) => {
    const vectors = await queryVectors(index, words, { options, output, signal });
    const query = { vectors, filter, limit: options.top, ...(words !== undefined && { words }) };
    const hits = await index.search(query);
    for (const hit of hits) output.say(lineOf(hit));
    if (hits.length === 0) output.say('nothing was found');
    const found = hits.map(({ video, ...hit }) => ({ ...video, time: video.time?.toISOString(), ...hit }));
    output.result({ index: options.in, hits: found });
  });
}

type QueryRequest = Pick<SessionRequest, 'output' | 'signal'> & { readonly options: IndexSearchOptions };

/** The vectors to look for: of a video of the index, of another one, or of words where a model is named. */
async function queryVectors(
  index: VideoIndex,
  words: string | undefined,
  request: QueryRequest,
): Promise<ModelVector[]> {
  const { options, output } = request;
  const name = options.as;
  const vectors: ModelVector[] = [];
  if (options.like !== undefined) {
    const vector = await index.vector(options.like, name);
    if (vector === undefined) throw new UserError(`--like ${options.like}: the index has no vector of such a video`);
    vectors.push(vector);
  }
  const quiet = new Output({ ...output.terminal, stdout: output.terminal.stderr }, { ...options, json: false });
  if (options.video !== undefined) {
    await withModel(
      { kind: 'similarity', paths: [options.video], ...request },
      openEmbedder,
      async ({ model, inputs, running }) => {
        for await (const { embedding } of model.embed(inputs, running)) {
          vectors.push({ model: name, hash: model.hash, values: embedding });
        }
      },
    );
    if (vectors.length === 0) throw new UserError('the video could not be read');
  } else if (
    words !== undefined &&
    (options.checkpoint ?? options.clip ?? options.name ?? options.config) !== undefined
  ) {
    const model = await openEmbedder({ kind: 'similarity', ...request }, quiet);
    vectors.push({ model: name, hash: model.hash, values: await model.embedWords(words).finally(() => model.close()) });
  }
  return vectors;
}

function dateOf(text: string, option: string): Date {
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date;
  throw new UserError(`${option}: expected a time such as 2024-05-01 or 2024-05-01T08:30:00Z, got '${text}'`, 2);
}

function lineOf({ video: { id, title, path }, score }: IndexHit): string {
  return `${score.toFixed(4)}  ${id}  ${title || path}`;
}
