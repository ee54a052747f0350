import { resolve } from 'node:path';
import { disposeTree } from '@wbdc/nn';
import type { VideoInput } from '@wbdc/video-features';
import { configOf, loadEngine, runFolderOf } from '../commands/run-stage.js';
import type { ServeCommandOptions } from '../commands/serve-options.js';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import { Output } from '../output.js';
import { createProgress } from '../progress.js';
import { findVideos } from './inputs.js';
import { findModel, openModel, type Kind, type ServedModel } from './model.js';
import { serve, type Served } from './run.js';
import { definedOnly } from '../stages/video-set.js';
import { plainTexts, readTexts, type Texts } from './texts.js';
import { openTower } from './tower.js';

export interface Session {
  readonly model: ServedModel;
  /** Those given, without the ones that `done` names. */
  readonly videos: readonly VideoInput[];
  /** Names of videos that could not be read, filled while the rows come. */
  readonly skipped: string[];
  readonly rows: AsyncGenerator<Served>;
}

/**
 * Everything that predict, embed and similar have in common: finds the model, its tower, the videos and their texts, and
 * says what it does on stderr: stdout is for the lines.
 */
export async function openSession(
  kind: Kind,
  paths: readonly string[],
  options: ServeCommandOptions,
  terminalOutput: Output,
  signal: AbortSignal,
  done: Pick<ReadonlySet<string>, 'has' | 'size'> = new Set(),
): Promise<Session> {
  const { terminal } = terminalOutput;
  const output = new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false });
  const from = (path: string): string => resolve(terminal.folder, path);
  const warn = (line: string): void => output.warn(line);
  const all = await findVideos(paths.map(from));
  const textOf = await textsFor(all, options, from, warn);
  const videos = all.filter(({ id }) => !done.has(id));
  const config = await configOf(options, output);
  const checkpoint = options.checkpoint ?? runFolderOf(config, terminal.folder).folderOf('finetune');
  const folder = await findModel(from(checkpoint));
  await loadEngine(config, output);
  const model = await openModel(folder, kind);
  const tower = await openTower(folder, options.tower, model.recipe, { output, signal });
  output.say(`model    ${folder}`);
  output.say(`videos   ${counted(videos.length, 'video')}${done.size > 0 ? `, ${done.size} done before` : ''}`);
  const skipped: string[] = [];
  const progress = createProgress(output, 'videos');
  const onSkip = ({ id }: VideoInput, error: Error): void => {
    skipped.push(id);
    progress.log(`warning: ${error.message}`);
  };
  const onProgress = (count: number): void => progress.update(count, videos.length);
  const rows = serve({ model, tower, videos, textOf, onSkip, onProgress, signal });
  return {
    model,
    videos,
    skipped,
    rows: closing(rows, () => (progress.stop(), model.dispose(), disposeTree(tower.params))),
  };
}

async function* closing<T>(rows: AsyncGenerator<T>, close: () => void): AsyncGenerator<T> {
  try {
    yield* rows;
  } finally {
    close();
  }
}

/** The text of each video, from the options or a file; empty where there is none. */
async function textsFor(
  videos: readonly VideoInput[],
  { title, ocr, asr, texts: path, ...table }: ServeCommandOptions,
  from: (path: string) => string,
  warn: (line: string) => void,
): Promise<(id: string) => Texts> {
  const given = [title, ocr, asr].some((text) => text !== undefined);
  if (given && (videos.length > 1 || path !== undefined)) {
    const got = path === undefined ? `${videos.length} videos` : '--texts beside them';
    throw new UserError(
      `--title, --ocr and --asr are for one video, got ${got}: put the texts of several into --texts <file>`,
      2,
    );
  }
  if (
    path === undefined &&
    (table.column.length > 0 || table.separator !== undefined || table.encoding !== undefined)
  ) {
    throw new UserError('--column, --separator and --encoding say how --texts <file> is read, got none', 2);
  }
  if (given) return () => plainTexts(definedOnly({ title, ocr, asr }));
  if (path === undefined) {
    warn('no texts given: the frames alone decide; see --title and --texts');
    return () => plainTexts({});
  }
  const texts = await readTexts(from(path), table, warn);
  const without = videos.filter(({ id }) => !texts.has(id));
  if (without.length === videos.length) {
    throw new UserError(
      `${path}: expected texts of the videos (such as '${videos[0].id}'), got only others ('${[...texts.keys()][0] ?? ''}'): ` +
        'name each by its file, or by an id that is its name without the ending',
    );
  }
  if (without.length > 0) warn(`${counted(without.length, 'video')} without a text, '${without[0].id}' for one`);
  return (id) => texts.get(id) ?? plainTexts({});
}
