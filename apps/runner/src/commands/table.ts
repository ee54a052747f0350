import type { Command } from 'commander';
import type { CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { MERGE_TITLE, STAGE_TITLES, STAGES, type StageName } from '../run/names.js';
import type { Stage } from '../run/stage.js';

/** Adds commands, with all that they need. */
interface CommandModule {
  readonly addCommands: (program: Command, host: Host) => CliCommand | readonly CliCommand[];
}

/** Commands that are loaded together, and what each does in a line: all that the list of commands needs. */
export interface CommandEntry {
  readonly summaries: Readonly<Record<string, string>>;
  readonly load: () => Promise<CommandModule>;
}

const one = (name: string, summary: string, load: CommandEntry['load']) => ({ summaries: { [name]: summary }, load });

/** A stage, which is loaded first where it is not given. */
function stageEntry(name: string, title: string, find: () => Promise<Stage>): CommandEntry {
  return one(name, title, async () => {
    const [stage, { addStageCommand }] = await Promise.all([find(), import('./stage-command.js')]);
    return { addCommands: (program, host) => addStageCommand(stage, program, host) };
  });
}

/** The entries of stages that are there. */
export function stageEntries(stages: readonly Stage[]): CommandEntry[] {
  return stages.map((stage) => stageEntry(stage.command ?? stage.name, stage.title, () => Promise.resolve(stage)));
}

const stageNamed = async (name: StageName): Promise<Stage> =>
  (await import('./stages.js')).ALL_STAGES.find((stage) => stage.name === name)!;

/** All stages of a run. */
export const STAGE_COMMANDS: readonly CommandEntry[] = STAGES.map((name) =>
  stageEntry(name, STAGE_TITLES[name], () => stageNamed(name)),
);

/** All other commands. A module is loaded when one of its commands is asked for, so that `--help` is quick. */
export const OTHER_COMMANDS: readonly CommandEntry[] = [
  stageEntry('merge-features', MERGE_TITLE, async () => (await import('./features.js')).mergeFeaturesStage),
  one('verify-features', 'read every stored feature and say what is wrong', () => import('./verify-features.js')),
  one('prepare', 'make a data set of your own videos and a table of texts', () => import('./prepare.js')),
  one('run', 'run a stage and all that it needs', () => import('./run.js')),
  {
    summaries: {
      predict: 'categories of your videos, by a finetuned model',
      embed: 'embeddings of your videos, by a finetuned model',
      tag: 'tags of your videos, by a model that was finetuned for them or pretrained on them',
      'zero-shot': 'labels of your own choice for your videos, by a CLIP',
    },
    load: () => import('./model-commands.js'),
  },
  one('similar', 'the videos of a collection that are most like yours', () => import('./similar.js')),
  one('ensemble', 'join the embeddings of several runs, or average their probabilities', () => import('./ensemble.js')),
  {
    summaries: {
      index: 'an index of your videos: add, remove, search, stats, compact',
      search: 'videos of an index, by words or by a video',
    },
    load: () => import('./index-videos.js'),
  },
  one(
    'evaluate',
    'how good models are, with confidence intervals, beside baselines and each other',
    () => import('./evaluate.js'),
  ),
  one('serve', 'models and an index over HTTP, with a page to search by', () => import('./serve.js')),
  one('demo', 'a page of a run that tells what is in videos, and trains, in the browser', () => import('./demo.js')),
  one('check', 'try a training on made-up videos before hours are spent', () => import('./check.js')),
  one('download', 'fetch a published model from the Hugging Face hub or a mirror', () => import('./download.js')),
  one('export', 'write a trained model for onnxruntime and for transformers', () => import('./export.js')),
  one('report', 'write report.html again from metrics.jsonl', () => import('./report.js')),
  one('config', 'check a configuration and print all its settings', () => import('./config.js')),
  one('submit', 'write what a cluster runs a stage by', () => import('./submit.js')),
  one(
    'doctor',
    'say which engines load here, why others do not, and what to run to get them',
    () => import('./doctor.js'),
  ),
];
