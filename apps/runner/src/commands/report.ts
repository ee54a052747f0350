import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { loadConfig } from '../config/load.js';
import { UserError } from '../core/errors.js';
import { Output, type Terminal } from '../core/output.js';
import { addOutputOptions, addRunOptions, flagsOf, type StageOptions } from './options.js';
import { runFolderOf } from './run-stage.js';

const TRAINING_STAGES = ['clip', 'text', 'pretrain', 'finetune'] as const;

/** `wbdc report`: writes report.html of a run's training stages again from their metrics.jsonl. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('report')
    .description(
      'Writes report.html of the clip, text, pretrain and finetune stages again, also while they are running.',
    );
  addOutputOptions(addRunOptions(command)).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc report --name demo\n  npx wbdc report --config my.yaml --json\n',
  );
  return cliCommand(command, (options: StageOptions) => writeReports(options, new Output(terminal, options)));
}

async function writeReports(options: StageOptions, output: Output): Promise<number> {
  const { folder } = output.terminal;
  const config = await loadConfig({ path: options.config, folder, set: options.set, flags: flagsOf(options) });
  const run = runFolderOf(config, folder);
  const made: string[] = [];
  for (const stage of TRAINING_STAGES) {
    const record = await run.record(stage);
    if (record === undefined) continue;
    const { writeReport } = await import('@wbdc/pipeline/stage-page');
    const path = await writeReport({ folder: run.folderOf(stage), run: run.name, record });
    if (path !== undefined) made.push(path);
  }
  if (made.length === 0) {
    throw new UserError(
      `${run.path}: expected metrics.jsonl of a clip or pretrain stage, got none: run 'npx wbdc clip' first`,
    );
  }
  for (const path of made) output.say(`made     ${path}`);
  output.result({ made });
  return 0;
}
