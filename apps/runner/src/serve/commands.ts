import { resolve } from 'node:path';
import type { ServeCommandOptions } from '../commands/serve-options.js';
import { assertSome, named, writeRows } from '../commands/serving.js';
import { UserError } from '../errors.js';
import type { Output } from '../output.js';
import type { JsonObject } from '../stage.js';
import { describeCategories, readNames, rounded } from './categories.js';
import { nearest, readCollection, type Neighbour } from './collection.js';
import { openLines } from './lines.js';
import { openSession } from './session.js';

type ToFile = ServeCommandOptions & { readonly out?: string };

/** Predicts the categories of videos. */
export async function predict(
  videos: readonly string[],
  options: ToFile & { readonly top: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const lines = await openLines({ ...options, out: inFolder(options.out, output) }, output);
  const session = await openSession('category', videos, options, output, signal, lines.done);
  const { model } = session;
  const nameOf = await readNames(model.folder);
  await writeRows(session, lines, (row) => describeCategories(row, model, nameOf, options.top));
}

/** Embeds videos. */
export async function embed(
  videos: readonly string[],
  options: ToFile,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const lines = await openLines({ ...options, out: inFolder(options.out, output) }, output);
  const session = await openSession('similarity', videos, options, output, signal, lines.done);
  const { hash } = session.model;
  assertSameModel(lines.done, hash, options.out);
  await writeRows(session, lines, (row) => ({ model: hash, embedding: Array.from(row, rounded) }));
}

/** A collection of two models is none. */
function assertSameModel(done: ReadonlyMap<string, unknown>, hash: string, out: string | undefined): void {
  const foreign = [...done].find(([, model]) => model !== hash);
  if (foreign === undefined) return;
  throw new UserError(
    `${out}: expected embeddings of the same model (${hash}), got '${foreign[0]}' of ${String(foreign[1])}: choose another --out, ` +
      'or embed all again with --overwrite',
  );
}

/** Prints the nearest of a collection to each video. */
export async function similar(
  videos: readonly string[],
  options: ServeCommandOptions & { readonly among: string; readonly top: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const session = await openSession('similarity', videos, options, output, signal);
  const collection = await readCollection(inFolder(options.among, output)!, session.model);
  const found: JsonObject[] = [];
  for await (const { video, row } of session.rows) {
    const neighbours = nearest(row, collection, options.top);
    found.push({ ...named({ video }), neighbours: neighbours.map((one) => ({ ...one, score: rounded(one.score) })) });
    print(video.id, neighbours, output);
  }
  assertSome(session.videos.length, session.skipped.length);
  output.result({ videos: found, among: options.among, of: collection.length, skipped: session.skipped });
}

function print(id: string, neighbours: readonly Neighbour[], output: Output): void {
  output.say(`${id}:`);
  for (const { id: other, score, path } of neighbours) {
    output.say(`  ${score.toFixed(4)}  ${other}${path === undefined ? '' : `  ${path}`}`);
  }
}

function inFolder(path: string | undefined, output: Output): string | undefined {
  return path === undefined ? undefined : resolve(output.terminal.folder, path);
}
