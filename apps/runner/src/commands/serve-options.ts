import type { Command } from 'commander';
import type { RecognizerChoice } from '@wbdc/pipeline/recognize';
import {
  addEngineOptions,
  addOutputOptions,
  addRecognizerOptions,
  addRunOptions,
  addTableOptions,
  type StageOptions,
  type TableOptions,
} from './options.js';

/** Options of the commands that apply a finetuned model to videos. */
export interface ServeCommandOptions extends StageOptions, TableOptions, Omit<RecognizerChoice, 'from'> {
  readonly checkpoint?: string;
  readonly clip?: string;
  readonly tower?: string;
  readonly titleFromName?: boolean;
  readonly title?: string;
  readonly texts?: string;
}

/** Options of `wbdc zero-shot` beside those of a CLIP and its videos. */
export interface ZeroShotOptions {
  readonly labels: readonly string[];
  readonly prompt: readonly string[];
  readonly top: number;
}

/** Options of the commands of an index. */
export interface IndexOptions {
  readonly in: string;
}

export interface IndexAddOptions extends ServeCommandOptions, IndexOptions {
  readonly as: string;
}

export interface IndexSearchOptions extends ServeCommandOptions, IndexOptions {
  readonly as: string;
  readonly top: number;
  readonly video?: string;
  readonly like?: string;
  readonly category: readonly string[];
  readonly tag: readonly string[];
  readonly after?: string;
  readonly before?: string;
}

/** Options of `wbdc serve`. */
export interface ServerOptions extends StageOptions {
  readonly model: readonly string[];
  readonly clip: readonly string[];
  readonly tower?: string;
  readonly index?: string;
  readonly as: string;
  readonly media: readonly string[];
  readonly corrections?: string;
  readonly host: string;
  readonly port: number;
  readonly batch: number;
  readonly wait: number;
  readonly queue: number;
  readonly timeout: number;
  readonly decoders: number;
}

export const VIDEOS_HELP =
  'A video is a video file, an animated GIF or WebP, a zip of pictures (each also by its address: https, s3), or a ' +
  'folder of pictures; any other folder stands for the videos in it. Its id is its name without the ending. ';

/** Which model, which texts, what computes, how to speak. */
export function addServeOptions(command: Command): Command {
  command
    .option(
      '--checkpoint <folder>',
      'a finetuned model: a run, its finetune folder, a checkpoint or hub:owner/name; default: runs/<name>',
    )
    .option('--tower <folder>', 'the vision tower, where the run of the model is not there')
    .option('--title-from-name', 'videos without a title are called as their file')
    .option('--title <text>', 'title of the one video')
    .option('--ocr [text]', 'text in its pictures; without a text, of all videos: what is recognised in them')
    .option('--asr [text]', 'what is said in it; without a text, of all videos: what is recognised')
    .option(
      '-t, --texts <file>',
      'texts of several: CSV, TSV, JSON lines or WBDC annotations, with id (or video), title, ocr, asr',
    );
  return addOutputOptions(addEngineOptions(addRunOptions(addTableOptions(addRecognizerOptions(command)))));
}

/** The CLIP of commands that compare videos with words. */
export function addClipOption(command: Command, what = ''): Command {
  const about = 'a CLIP: a clip stage or its run, a folder as published or hub:owner/name (CLIP, Chinese-CLIP)';
  return command.option('--clip <folder>', about + what);
}

/** Where the lines go. */
export function addOutOptions(command: Command): Command {
  return command
    .option('-o, --out <file>', 'write the lines to a file')
    .option('--resume', 'add to that file what it does not hold yet')
    .option('--overwrite', 'replace that file');
}
