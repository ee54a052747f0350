import { join, resolve } from 'node:path';
import { hubSettings } from '@wbdc/checkpoints/node';
import {
  openTrained,
  TrainedError,
  type FileInput,
  type RunOptions,
  type TrainedModel,
  type Unreadable,
} from '@wbdc/pipeline';
import type { TableTexts } from '@wbdc/pipeline/prepare';
import { type Embedder, embedderOf, inputMark, type LineOrigin, type OpenClip, openClip } from '@wbdc/pipeline/apply';
import { dataPlaces } from '@wbdc/pipeline/places';
import { askedVideos, type AskedVideo, type DecodeVideo } from '@wbdc/video-features';
import { configOf, loadEngine, runFolderOf } from '../run-stage.js';
import type { ServeCommandOptions } from '../serve-options.js';
import { UserError } from '../../core/errors.js';
import { counted } from '@wbdc/report/format';
import { Output } from '../../core/output.js';
import { createProgress, type Progress } from '../../core/progress.js';
import { observed } from '../../core/observer.js';
import { onnxOf } from '../../config/onnx.js';
import { modelFolder } from '../../core/published-model.js';
import { findServed } from '../../core/served-model.js';
import { textsFor } from './texts.js';

/** A model that is closed in the end. */
interface Opened {
  readonly where: string;
  close(): Promise<void>;
}

type Open<M> = (request: Omit<SessionRequest, 'paths'>, output: Output) => Promise<M>;

/** What a command asks of a model. */
type Kind = 'category' | 'similarity' | 'tags';

export interface Session<M extends Opened = TrainedModel> {
  readonly model: M;
  /** Those given, without the ones that `done` names. */
  readonly videos: readonly AskedVideo[];
  /** How many of those given `done` names. */
  readonly before: number;
  /** The same for the model, with their texts. */
  readonly inputs: readonly FileInput[];
  /** What the table of texts says of a video, labels included. */
  readonly detailsOf: (id: string) => TableTexts;
  /** Hash of what a row is made from. */
  markOf(video: AskedVideo): Promise<string>;
  /** For the model's methods: skipped videos are told, and Ctrl-C ends the rows. */
  readonly running: RunOptions;
  /** Names of videos that could not be read, filled while the rows come. */
  readonly skipped: string[];
  /** A line for people, on stderr. */
  readonly say: (line: string) => void;
  /** The rows of a call, each with its video, and the bar that shows how far it is. */
  watch<T extends { readonly id: string }>(rows: AsyncIterable<T>): AsyncGenerator<Served<T>>;
}

/** A video with what the model says of it. */
interface Served<T> {
  readonly video: AskedVideo;
  readonly row: T;
}

/** What a command is asked for. */
export interface SessionRequest {
  readonly kind: Kind;
  readonly paths: readonly string[];
  readonly options: ServeCommandOptions;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Ids of videos to leave out. */
  readonly done?: ReadonlyMap<string, LineOrigin>;
  /** What decodes the videos. */
  readonly decode?: DecodeVideo;
}

/** {@link withModel} of a finetuned or pretrained model. */
export function withSession(request: SessionRequest, use: (session: Session) => Promise<void>): Promise<void> {
  return withModel(request, openServed, use);
}

/**
 * Everything that predict, embed and similar have in common: finds the model, the videos and their texts, and says
 * what it does on stderr: stdout is for the lines. The model is closed in the end.
 */
export async function withModel<M extends Opened>(
  request: SessionRequest,
  open: Open<M>,
  use: (session: Session<M>) => Promise<void>,
): Promise<void> {
  const { options, signal, done = new Map<string, LineOrigin>() } = request;
  const { terminal } = request.output;
  const output = new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false });
  const from = (path: string): string => resolve(terminal.folder, path);
  const asked = await askedVideos(request.paths, terminal.folder);
  const textOf = await textsFor(asked, options, from, { output, signal });
  const videos = asked.videos.filter(({ id }) => !done.has(id));
  const markOf = ({ id, location }: AskedVideo): Promise<string> => inputMark(location, textOf(id));
  for (const video of asked.videos) {
    const mark = done.get(video.id)?.input;
    if (mark !== undefined && mark !== (await markOf(video))) refuseChanged(video.id);
  }
  const model = await open(request, output);
  const progress = createProgress(output, 'videos');
  try {
    output.say(`videos   ${counted(videos.length, 'video')}${done.size > 0 ? `, ${done.size} done before` : ''}`);
    const inputs = videos.map(({ id, location }) => ({ id, video: location, ...textOf(id) }));
    const before = asked.videos.length - videos.length;
    const running = { ...watching(videos, progress, signal), say: (line: string) => output.say(line) };
    await use({ model, videos, before, inputs, detailsOf: textOf, markOf, ...running });
  } finally {
    progress.stop();
    await model.close();
  }
}

/** Opens what embeds videos and words: the CLIP that --clip names, or else a model. */
export async function openEmbedder(request: Omit<SessionRequest, 'paths'>, output: Output): Promise<Embedder> {
  return request.options.clip === undefined
    ? embedderOf(await openServed(request, output))
    : openServedClip(request, output);
}

/** Opens the CLIP that --clip names, or that of the run, on the engine that the options mean. */
export async function openServedClip(
  { options, signal, decode, output: { terminal } }: Omit<SessionRequest, 'paths'>,
  output: Output,
): Promise<OpenClip> {
  const config = await configOf(options, output);
  const { dtype } = config;
  if (dtype && dtype !== 'fp32') throw new UserError(`--dtype: expected fp32 for a CLIP, got ${dtype}`, 2);
  const run = (await runFolderOf(config, terminal.folder).holderOf('clip')).path;
  await loadEngine(config, output);
  const { remote } = dataPlaces(config.data, terminal.folder, terminal.env);
  const opening = { ...(decode && { decode }), remote, from: terminal.folder, hub: hubSettings(terminal.env), signal };
  const model = await observed(output, (observer) => openClip(options.clip ?? run, { ...opening, observer }));
  output.say(`model    ${model.where}`);
  return model;
}

/** Opens the model that a command's options mean, on the engine that they mean. */
async function openServed(
  { kind, options, signal, decode, output: { terminal } }: Omit<SessionRequest, 'paths'>,
  output: Output,
): Promise<TrainedModel> {
  const config = await configOf(options, output);
  const folder = await findServed(options.checkpoint, runFolderOf(config, terminal.folder), output, signal);
  await loadEngine(config, output);
  const tower = options.tower && (await modelFolder('--tower', options.tower, { output, signal }));
  const opening = { ...(tower && { tower }), ...(decode && { decode }), onnx: await onnxOf(config), observer: output };
  const { remote } = dataPlaces(config.data, terminal.folder, terminal.env);
  const model = await openTrained(folder, { ...opening, remote, from: terminal.folder, signal }).catch(explainForeign);
  try {
    assertKind(model, kind);
  } catch (error) {
    await model.close();
    throw error;
  }
  output.say(`model    ${folder}`);
  return model;
}

function refuseChanged(id: string): never {
  throw new UserError(
    `'${id}': expected the texts and the video that its line in --out was made from, got others: ` +
      'choose another --out, or make all again with --overwrite',
  );
}

function watching(
  videos: readonly AskedVideo[],
  progress: Progress,
  signal: AbortSignal,
): Pick<Session, 'running' | 'skipped' | 'watch'> {
  const skipped: string[] = [];
  const byId = new Map(videos.map((video) => [video.id, video]));
  const onSkip = ({ id, error }: Unreadable): void => {
    skipped.push(id);
    progress.log(`warning: ${error.message}`);
  };
  const watch = async function* <T extends { readonly id: string }>(rows: AsyncIterable<T>): AsyncGenerator<Served<T>> {
    let count = 0;
    for await (const row of rows) {
      progress.update(++count + skipped.length, videos.length);
      yield { video: byId.get(row.id)!, row };
    }
  };
  return { running: { signal, onSkip }, skipped, watch };
}

function explainForeign(error: unknown): never {
  if (!(error instanceof TrainedError && error.code === 'model-foreign')) throw error;
  throw new UserError(`${error.where}: expected a checkpoint of the finetune stage, got one of a 'clip' model`);
}

const MAKES: Readonly<Record<Kind, string>> = {
  category: 'predicts categories',
  similarity: 'makes embeddings',
  tags: 'tells tags',
};
const COMMANDS = { category: 'predict', similarity: 'embed', tags: 'tag' } as const;

function assertKind({ saved: { kind }, where }: TrainedModel, asked: Kind): void {
  const pretrained = kind === 'pretrained';
  if (kind === asked || (pretrained && asked !== 'category')) return;
  const got = pretrained ? 'one without either head (of pretraining?)' : `one that ${MAKES[kind]}`;
  const advice = pretrained ? '' : `, or use 'wbdc ${COMMANDS[kind]}'`;
  throw new UserError(
    `${join(where, 'config.json')}: expected a model that ${MAKES[asked]} (finetune.kind: ${asked}), got ${got}: ` +
      `finetune with --set finetune.kind=${asked}, or give another --checkpoint${advice}`,
  );
}
