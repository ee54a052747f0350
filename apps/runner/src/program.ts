import type { Command } from 'commander';
import { cliCommand, runProgram, type CliCommand } from './core/command-line.js';
import { addCheckCommand } from './commands/check.js';
import { addConfigCommand } from './commands/config.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addDownloadCommand } from './commands/download.js';
import { addEnsembleCommand } from './commands/ensemble.js';
import { addEvaluateCommand } from './commands/evaluate.js';
import { addExportCommand } from './commands/export.js';
import { mergeFeaturesStage } from './commands/features.js';
import { addIndexCommands } from './commands/index-videos.js';
import { addRankOptions, addShardOptions, addStageOptions, type StageOptions } from './commands/options.js';
import { addModelCommands } from './commands/model-commands.js';
import { addPrepareCommand } from './commands/prepare.js';
import { addReportCommand } from './commands/report.js';
import { addRunCommand } from './commands/run.js';
import { runStage } from './commands/run-stage.js';
import { addServeCommand } from './commands/serve.js';
import { addSimilarCommand } from './commands/similar.js';
import { ALL_STAGES } from './commands/stages.js';
import { addVerifyFeaturesCommand } from './commands/verify-features.js';
import { packageVersion } from './core/environment.js';
import { UserError } from './core/errors.js';
import type { Host } from './core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { Output } from './core/output.js';
import { addSubmitCommand } from './commands/submit.js';
import { asRanks, assertAlone } from './core/ranks.js';
import type { Stage } from './run/stage.js';

/** Runs one command line of `wbdc` and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export function runCommandLine(
  args: readonly string[],
  host: Host,
  stages: readonly Stage[] = ALL_STAGES,
): Promise<number> {
  const info = {
    name: 'wbdc',
    description: 'Video-text pretraining on frames and Chinese text: from data to a trained encoder.',
    version: packageVersion(),
    help: programHelp(stages),
  };
  return runProgram(args, host, info, (program) => [
    ...[...stages, mergeFeaturesStage].map((stage) => addStageCommand(program, stage, host)),
    addVerifyFeaturesCommand(program, host),
    addPrepareCommand(program, host),
    addRunCommand(program, host),
    ...addModelCommands(program, host),
    addSimilarCommand(program, host),
    addEnsembleCommand(program, host),
    ...addIndexCommands(program, host),
    addEvaluateCommand(program, host),
    addServeCommand(program, host),
    addCheckCommand(program, host),
    addDownloadCommand(program, host),
    addExportCommand(program, host),
    addReportCommand(program, host),
    addConfigCommand(program, host),
    addSubmitCommand(program, host),
    addDoctorCommand(program, host),
    ...LABORATORY.map((name) => addMovedCommand(program, name)),
  ]);
}

/** Commands of 0.1.0 that stand in `apps/lab` now. */
const LABORATORY = ['competition', 'objectives'];

function addMovedCommand(program: Command, name: string): CliCommand {
  const command = program.command(name, { hidden: true }).allowUnknownOption().allowExcessArguments();
  return cliCommand(command, () => {
    throw new UserError(
      `${name}: expected a command of wbdc, got one of its laboratory: in a clone of the repository run ` +
        `npx nx run lab:${name}`,
      2,
    );
  });
}

function addStageCommand(program: Command, stage: Stage, host: Host): CliCommand {
  const command = program
    .command(stage.command ?? stage.name)
    .summary(stage.title)
    .description(stage.description);
  if (stage.divisible) addShardOptions(command);
  if (stage.trains) addRankOptions(command);
  addStageOptions(command).addHelpText('after', examplesHelp(stage.examples));
  return cliCommand(command, (options: StageOptions) => {
    const output = new Output(host, options);
    if (stage.trains) {
      return interruptible(host, (signal) =>
        asRanks(host, (communicator) => runStage(stage, options, output, signal, undefined, communicator)),
      );
    }
    if (!stage.divisible) assertAlone(stage.command ?? stage.name, host.env);
    return interruptible(host, (signal) => runStage(stage, options, output, signal));
  });
}

function examplesHelp(examples: Stage['examples']): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  return `\nExamples:\n${examples.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`).join('\n')}\n`;
}

function programHelp(stages: readonly Stage[]): string {
  return `
Stages of a run, in order: ${stages.map(({ name }) => name).join(' -> ')}. Each reads what the ones before it made in
runs/<name>/ and says what to run next. Your own videos: wbdc prepare --help.

Examples:
  npx wbdc data --config apps/runner/configs/demo.yaml       build the embedded data set in runs/demo/data
  npx wbdc prepare my-videos --texts t.csv --out my-data     make a data set of your own videos
  npx wbdc pretrain --config my.yaml --set train.epochs=5    train, with one setting changed
  npx wbdc pretrain --config my.yaml --resume                go on after an interruption

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume), 75 interrupted by a scheduler
(requeue the same command).
`;
}
