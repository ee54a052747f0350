import type { Command } from 'commander';
import { interruptible } from '@wbdc/io/interrupt';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { Output } from '../core/output.js';
import { asRanks, assertAlone } from '../core/ranks.js';
import type { Stage } from '../run/stage.js';
import { addRankOptions, addShardOptions, addStageOptions, type StageOptions } from './options.js';
import { runStage } from './run-stage.js';

/** `wbdc pretrain` and its like: a stage of a run. */
export function addStageCommand(stage: Stage, program: Command, host: Host): CliCommand {
  const command = program.command(stage.command ?? stage.name).description(stage.description);
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
