import type { Command } from 'commander';
import { OTHER_COMMANDS, STAGE_COMMANDS, stageEntries, type CommandEntry } from './commands/table.js';
import { cliCommand, runProgram, type CliCommand } from './core/command-line.js';
import { UserError } from './core/errors.js';
import type { Host } from './core/host.js';
import { packageVersion } from './core/version.js';
import { STAGES } from './run/names.js';
import type { Stage } from './run/stage.js';

/**
 * Runs one command line of `wbdc` and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
 *
 * @param stages in place of its own ones
 */
export function runCommandLine(args: readonly string[], host: Host, stages?: readonly Stage[]): Promise<number> {
  const info = {
    name: 'wbdc',
    description: 'Video-text pretraining on frames and Chinese text: from data to a trained encoder.',
    version: packageVersion(),
    help: programHelp(stages?.map(({ name }) => name) ?? STAGES),
  };
  const entries = [...(stages ? stageEntries(stages) : STAGE_COMMANDS), ...OTHER_COMMANDS];
  const [first, second] = args.filter((arg) => !arg.startsWith('-'));
  const asked = first === 'help' ? second : first;
  return runProgram(args, host, info, async (program) => {
    const commands: CliCommand[] = [];
    for (const entry of entries) commands.push(...(await addEntry(program, entry, asked, host)));
    return [...commands, ...LABORATORY.map((name) => addMovedCommand(program, name))];
  });
}

/** The commands of an entry with all that they need where one is asked for, else by name, for the list of commands. */
async function addEntry(
  program: Command,
  { summaries, load }: CommandEntry,
  asked: string | undefined,
  host: Host,
): Promise<readonly CliCommand[]> {
  const isAsked = asked !== undefined && asked in summaries;
  const added = isAsked ? [(await load()).addCommands(program, host)].flat() : [];
  for (const [name, summary] of Object.entries(summaries)) {
    const command = program.commands.find((one) => one.name() === name) ?? program.command(name);
    command.summary(summary);
  }
  return added;
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

function programHelp(stages: readonly string[]): string {
  return `
Stages of a run, in order: ${stages.join(' -> ')}. Each reads what the ones before it made in
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
