import { Argument, type Command } from 'commander';
import type { Config } from '../config/schema.js';
import type { CheckItem } from '../check/check.js';
import { Output, type Terminal } from '../output.js';
import type { RunFolder } from '../run-folder.js';
import { addEngineOptions, addOutputOptions, addRunOptions, wholeNumber, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

interface CheckOptions extends StageOptions {
  readonly videos?: number;
}

/** `wbdc check`: what can be known of a training before hours are spent on it. */
export function addCheckCommand(program: Command, terminal: Terminal, outcome: { code: number }): void {
  const command = program
    .command('check')
    .summary('try a training on made-up videos before hours are spent')
    .description(
      'Builds the model and the tasks of a configuration and tries them on made-up videos of the configured sizes: ' +
        'counts parameters and encoder passes, compares the losses at the start with those of ignorance, sees that ' +
        'gradients reach every trained parameter and that 8 samples can be overfitted (at a small size), and estimates ' +
        'memory and time. Needs no data. Fresh weights, also where model.init is set. Exit code 1 when something is wrong.',
    )
    .addArgument(new Argument('<job>', 'the stage').choices(['pretrain']))
    .option('--videos <number>', 'videos to train on, for the time; default: those of the data stage', wholeNumber(1));
  addOutputOptions(addEngineOptions(addRunOptions(command)))
    .addHelpText(
      'after',
      '\nExamples:\n  npx wbdc check pretrain --config apps/runner/configs/demo.yaml\n' +
        '  npx wbdc check pretrain --set model.preset=tiny --videos 100000 --json\n',
    )
    .action(async (_job: string, options: CheckOptions) => {
      outcome.code = await runCheck(options, new Output(terminal, options));
    });
}

async function runCheck(options: CheckOptions, output: Output): Promise<number> {
  const config = await configOf(options, output);
  const engine = await loadEngine(config, output);
  const { check } = await import('../check/check.js');
  const videos = options.videos ?? (await countVideos(config, runFolderOf(config, output.terminal.folder)));
  const items: CheckItem[] = [];
  for (const item of check({ config, videos })) {
    items.push(item);
    output.say(lineOf(item));
  }
  const ok = items.every(({ status }) => status !== 'failed');
  const checks = items.map(({ name, status, details }) => ({ name, status, ...details }));
  output.result({ job: 'pretrain', ok, engine, checks });
  return ok ? 0 : 1;
}

/** Those the data stage found in the training splits, where it has run. */
async function countVideos({ data }: Config, run: RunFolder): Promise<number | undefined> {
  const record = await (await run.holderOf('data')).record('data');
  const splits = record?.summary['splits'] as Readonly<Record<string, { videos?: number }>> | undefined;
  if (splits === undefined) return undefined;
  return data.trainSplits.reduce((sum, split) => sum + (splits[split]?.videos ?? 0), 0) || undefined;
}

function lineOf({ name, status, about }: CheckItem): string {
  const mark = status === 'told' ? '' : status;
  return `${mark.padEnd(8)} ${name.padEnd(10)}  ${about.replaceAll('\n', `\n${' '.repeat(21)}`)}`;
}
