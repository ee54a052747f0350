import { Command, CommanderError } from 'commander';
import { describeError, exitCodeOf, type FailedCommand } from './errors.js';
import type { Host } from './host.js';

const USAGE_ERROR = 2;

/** A command and what it does with its arguments and options; gives the exit code. */
export interface CliCommand {
  readonly command: Command;
  readonly run: (...args: unknown[]) => Promise<number>;
}

/** `run` gets what the command declares: its arguments in their order, then its options. */
export function cliCommand<A extends readonly unknown[]>(
  command: Command,
  run: (...args: A) => Promise<number>,
): CliCommand {
  // commander parses by the declaration beside which `run` stands
  return { command, run: (...args) => run(...(args as unknown as A)) };
}

export interface ProgramInfo {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  /** Below the list of commands. */
  readonly help: string;
}

/** Runs one command line and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function runProgram(
  args: readonly string[],
  host: Host,
  info: ProgramInfo,
  addCommands: (program: Command) => readonly CliCommand[] | Promise<readonly CliCommand[]>,
): Promise<number> {
  const program = createProgram(host, info);
  let code = 0;
  let failed: FailedCommand | undefined;
  for (const { command, run } of await addCommands(program)) {
    command.action(async (...values) => {
      failed = aboutCommand(command);
      code = await run(...(values as unknown[]));
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    await host.results?.end();
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    host.report?.({ type: 'outcome', outcome: 'failed', error: describeError(error, false, failed) });
    if (error instanceof CommanderError) return USAGE_ERROR;
    const debug = args.includes('--debug') || Boolean(host.env['WBDC_DEBUG']);
    host.stderr.write(`error: ${describeError(error, debug, failed)}\n`);
    return exitCodeOf(error);
  }
}

/** What the options of a command allow to advise. */
function aboutCommand({ options }: Command): FailedCommand {
  const has = (name: string): boolean => options.some(({ long }) => long === name);
  return {
    resume: has('--resume'),
    folder: has('--out') ? '--out' : has('--set') ? '--set run.folder=...' : undefined,
  };
}

function createProgram(host: Host, { name, description, version, help }: ProgramInfo): Command {
  return new Command(name)
    .description(description)
    .version(version, '-V, --version')
    .showHelpAfterError('(add --help for what it takes)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void host.stdout.write(text),
      writeErr: (text) => void host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? 100,
      getErrHelpWidth: () => host.stderr.columns ?? 100,
    })
    .configureHelp({ subcommandTerm: (command) => command.name() }) // what each takes is in its own help
    .addHelpText('after', help);
}
