import { Command, CommanderError } from 'commander';
import { addCheckCommand } from './commands/check.js';
import { addCompetitionCommand } from './commands/competition.js';
import { addConfigCommand } from './commands/config.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addDownloadCommand } from './commands/download.js';
import { addEmbedCommand } from './commands/embed.js';
import { interruptible } from './commands/interruptible.js';
import { addExportCommand } from './commands/export.js';
import { mergeFeaturesStage } from './commands/features.js';
import { addObjectivesCommand } from './commands/objectives.js';
import { addShardOptions, addStageOptions, type StageOptions } from './commands/options.js';
import { addPredictCommand } from './commands/predict.js';
import { addPrepareCommand } from './commands/prepare.js';
import { addReportCommand } from './commands/report.js';
import { addRunCommand } from './commands/run.js';
import { runStage } from './commands/run-stage.js';
import { addSimilarCommand } from './commands/similar.js';
import { ALL_STAGES } from './commands/stages.js';
import { addVerifyFeaturesCommand } from './commands/verify-features.js';
import { packageVersion } from './environment.js';
import { describeError, exitCodeOf } from './errors.js';
import type { SignalSource } from './interrupt.js';
import type { StartChild } from './jobs/child.js';
import { Output, type Terminal } from './output.js';
import type { Stage } from './stage.js';

/** The process around a command. */
export interface Host extends Terminal {
  readonly signals: SignalSource;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  /** Runs this program again beside itself. */
  readonly startChild?: StartChild;
}

export const USAGE_ERROR = 2;

/** Runs one command line and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function runCommandLine(
  args: readonly string[],
  host: Host,
  stages: readonly Stage[] = ALL_STAGES,
): Promise<number> {
  const outcome = { code: 0 };
  const program = buildProgram(host, stages, outcome);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
    const debug = args.includes('--debug') || Boolean(host.env['WBDC_DEBUG']);
    host.stderr.write(`error: ${describeError(error, debug)}\n`);
    return exitCodeOf(error);
  }
}

function buildProgram(host: Host, stages: readonly Stage[], outcome: { code: number }): Command {
  const program = new Command('wbdc')
    .description('Video-text pretraining on frames and Chinese text: from data to a trained encoder.')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(add --help for what it takes)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void host.stdout.write(text),
      writeErr: (text) => void host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? 100,
      getErrHelpWidth: () => host.stderr.columns ?? 100,
    })
    .addHelpText('after', programHelp(stages));
  for (const stage of stages) addStageCommand(program, stage, host, outcome);
  addStageCommand(program, mergeFeaturesStage, host, outcome);
  addVerifyFeaturesCommand(program, host, outcome);
  addPrepareCommand(program, host, outcome);
  addRunCommand(program, host, outcome);
  addCompetitionCommand(program, host, outcome);
  addObjectivesCommand(program, host, outcome);
  addPredictCommand(program, host, outcome);
  addEmbedCommand(program, host, outcome);
  addSimilarCommand(program, host, outcome);
  addCheckCommand(program, host, outcome);
  addDownloadCommand(program, host);
  addExportCommand(program, host);
  addReportCommand(program, host);
  addConfigCommand(program, host);
  addDoctorCommand(program, host, outcome);
  return program;
}

function addStageCommand(program: Command, stage: Stage, host: Host, outcome: { code: number }): void {
  const command = program
    .command(stage.command ?? stage.name)
    .summary(stage.title)
    .description(stage.description);
  if (stage.divisible) addShardOptions(command);
  addStageOptions(command)
    .addHelpText('after', examplesHelp(stage.examples))
    .action(async (options: StageOptions) => {
      const output = new Output(host, options);
      outcome.code = await interruptible(host, (signal) => runStage(stage, options, output, signal));
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

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).
`;
}
