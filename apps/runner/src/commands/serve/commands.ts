import { dirname, resolve } from 'node:path';
import { exists, withLock } from '@wbdc/io';
import { classifiedRow, embeddedRow, taggedRow } from '@wbdc/pipeline';
import type { ServeCommandOptions, ZeroShotOptions } from '../serve-options.js';
import { assertSome, named, writeRows } from '../serving.js';
import { UserError } from '../../core/errors.js';
import type { Output } from '../../core/output.js';
import type { JsonObject } from '../../run/stage.js';
import {
  describeScores,
  flattenScores,
  keepRows,
  labelledRow,
  labelsMark,
  nearest,
  readCollection,
  zeroShot,
  zeroShotScores,
  type LineOrigin,
  type Neighbour,
  type ZeroShotRow,
} from '@wbdc/pipeline/apply';
import { openLines, type Lines } from './lines.js';
import { openServedClip, withModel, withSession } from './session.js';

type ToFile = ServeCommandOptions & { readonly out?: string | undefined };

/** Predicts the categories of videos. */
export function predict(
  paths: readonly string[],
  options: ToFile & { readonly top: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  return withLines(options, output, (lines, out) => {
    const request = { kind: 'category', paths, options, output, signal, done: lines.done } as const;
    return withSession(request, async (session) => {
      const { hash } = session.model;
      // Lines of before that was written name no model.
      const named = [...lines.done].filter(([, { model }]) => model !== undefined);
      assertSameModel('predictions', new Map(named), hash, out);
      const rows = session.model.classify(session.inputs, { ...session.running, top: options.top });
      await writeRows(session, lines, rows, (row) => classifiedRow(row, hash));
    });
  });
}

/** Embeds videos. */
export function embed(paths: readonly string[], options: ToFile, output: Output, signal: AbortSignal): Promise<void> {
  return withLines(options, output, (lines, out) => {
    const request = { kind: 'similarity', paths, options, output, signal, done: lines.done } as const;
    return withSession(request, async (session) => {
      const { model, inputs, running } = session;
      assertSameModel('embeddings', lines.done, model.hash, out);
      await writeRows(session, lines, model.embed(inputs, running), embeddedRow);
    });
  });
}

/** Tags videos: those that reach their thresholds, at least the first few of a model that has none. */
export function tag(
  paths: readonly string[],
  options: ToFile & { readonly top: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  return withLines(options, output, (lines, out) => {
    const request = { kind: 'tags', paths, options, output, signal, done: lines.done } as const;
    return withSession(request, async (session) => {
      const { model, inputs, running } = session;
      assertSameModel('tags', lines.done, model.hash, out);
      await writeRows(session, lines, model.tag(inputs, running), (row) => {
        const { tags } = taggedRow(row);
        return { model: model.hash, tags: tags.filter(({ chosen }, i) => chosen ?? i < options.top) };
      });
    });
  });
}

/** Labels videos with words, by a CLIP; where the texts tell more of the videos, says how well. */
export function zeroShotVideos(
  paths: readonly string[],
  options: ToFile & ZeroShotOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const asked = { labels: options.labels, ...(options.prompt.length > 0 && { prompts: options.prompt }) };
  return withLines(options, output, (lines, out) => {
    const request = { kind: 'similarity', paths, options, output, signal, done: lines.done } as const;
    return withModel(request, openServedClip, async (session) => {
      const { model, inputs, running, detailsOf, say } = session;
      assertSameModel('labels', lines.done, model.hash, out);
      const made = { model: model.hash, asked: labelsMark(asked, lines.done, out) };
      const kept: ZeroShotRow[] = [];
      const rows = keepRows(zeroShot(model, inputs, asked, running), kept);
      const describe = (row: ZeroShotRow): object => ({ ...made, ...labelledRow(row, options.top) });
      await writeRows(session, lines, rows, describe, async () => {
        const scores = await zeroShotScores(model, kept, asked, detailsOf);
        for (const line of describeScores(scores)) say(line);
        return flattenScores(scores);
      });
    });
  });
}

/** Six digits are more than there is to know. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

/** One process at a time; where the folder of the file is missing, whoever opens it says so. */
async function withLines(
  options: ToFile,
  output: Output,
  write: (lines: Lines, out: string | undefined) => Promise<void>,
): Promise<void> {
  const out = inFolder(options.out, output);
  const work = async (): Promise<void> => write(await openLines({ ...options, out }, output), out);
  return out !== undefined && (await exists(dirname(out))) ? withLock(out, work) : work();
}

/** A collection of two models is none. */
function assertSameModel(
  what: 'predictions' | 'embeddings' | 'labels' | 'tags',
  done: ReadonlyMap<string, LineOrigin>,
  hash: string,
  out: string | undefined,
): void {
  const foreign = [...done].find(([, { model }]) => model !== hash);
  if (foreign === undefined) return;
  throw new UserError(
    `${out}: expected ${what} of the same model (${hash}), got '${foreign[0]}' of ${String(foreign[1].model)}: ` +
      'choose another --out, or make all again with --overwrite',
  );
}

/** Prints the nearest of a collection to each video. */
export async function similar(
  videos: readonly string[],
  options: ServeCommandOptions & { readonly among: string; readonly top: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const request = { kind: 'similarity', paths: videos, options, output, signal } as const;
  await withSession(request, async ({ model, inputs, running, watch, skipped }) => {
    const collection = await readCollection(inFolder(options.among, output)!, model);
    const found: JsonObject[] = [];
    for await (const { video, row } of watch(model.embed(inputs, running))) {
      const neighbours = nearest(row.embedding, collection, options.top);
      found.push({ ...named(video), neighbours: neighbours.map((one) => ({ ...one, score: rounded(one.score) })) });
      print(video.id, neighbours, output);
    }
    assertSome(inputs.length, skipped.length);
    output.result({ videos: found, among: options.among, of: collection.length, skipped });
  });
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
