import { runProgram, type Host } from '@wbdc/runner/cli';
import type { StartChild } from './jobs/child.js';
import { addAblationCommand } from './commands/ablation.js';
import { addCompetitionCommand } from './commands/competition.js';
import { addObjectivesCommand } from './commands/objectives.js';

const INFO = {
  name: 'lab',
  description: 'Measures wbdc on the embedded data.',
  version: '0.0.0',
  help: '\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (the same command goes on).\n',
};

/** Runs one command line of the laboratory and gives the exit code; its stages are children. */
export function runCommandLine(args: readonly string[], host: Host, startChild: StartChild): Promise<number> {
  return runProgram(args, host, INFO, (program) => [
    addCompetitionCommand(program, host, startChild),
    addObjectivesCommand(program, host, startChild),
    addAblationCommand(program, host, startChild),
  ]);
}
