import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Output } from '../output.js';
import { RunFolder } from '../run-folder.js';
import type { StageName } from '../stage.js';
import type { StageOptions } from './options.js';
import { runStage } from './run-stage.js';
import { ALL_STAGES } from './stages.js';

/** One of many runs that a command makes in a folder of its own: a configuration, and its stages. */
export interface Job {
  /** Of the run: its folder's name. */
  readonly name: string;
  /** Path of the configuration. */
  readonly config: string;
  readonly set: readonly string[];
  readonly stages: readonly StageName[];
}

/** Runs the stages of a job that are not done yet, in `folder`/`name`; gives the exit code of the first that failed. */
export async function runJob(
  { name, config, set, stages }: Job,
  folder: string,
  options: StageOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const own = { ...options, config, name, set: [`run.folder=${folder}`, ...set], resume: true, json: false };
  for (const stage of ALL_STAGES.filter((candidate) => stages.includes(candidate.name))) {
    output.say(`\n== ${name} ${stage.name}`);
    const code = await runStage(stage, own, stageOutput(output), signal);
    tf.disposeVariables(); // nothing of this stage is needed in memory any more
    if (code !== 0) return code;
  }
  return 0;
}

/** With `--json` only the results go to stdout. */
function stageOutput({ terminal, options }: Output): Output {
  if (!options.json) return new Output(terminal, options);
  return new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false });
}

/** The time that the stages of jobs took, also in earlier attempts. */
export async function secondsOf(root: string, jobs: readonly Pick<Job, 'name' | 'stages'>[]): Promise<number> {
  let seconds = 0;
  for (const { name, stages } of jobs) {
    const run = new RunFolder(join(root, name), name);
    for (const stage of stages) seconds += (await run.record(stage))?.seconds ?? 0;
  }
  return seconds;
}
