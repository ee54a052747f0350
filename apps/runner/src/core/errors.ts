import { briefly, FileError, WbdcError } from '@wbdc/io/errors';
import { advisedExitCode, advisedMessage } from './advice.js';

/** A failure the user can act on: printed as its message alone, of at most a kilobyte, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
    options?: ErrorOptions,
  ) {
    super(briefly(message), options);
  }
}

/** What of the command that failed may be advised. */
export interface FailedCommand {
  readonly resume: boolean;
  /** The option that says where it writes. */
  readonly folder: string | undefined;
}

/** What the operating system's refusals mean for the user. */
const SYSTEM_ERRORS: Readonly<Record<string, (command: FailedCommand) => readonly [what: string, todo: string]>> = {
  ENOSPC: (command) => ['the disk is full', `free some space, then ${again(command)}`],
  EDQUOT: (command) => ['your disk quota is used up', `free some space, then ${again(command)}`],
  EACCES: () => ['permission denied', 'check the owner and mode of the file and its folder'],
  EPERM: () => ['operation not permitted', 'check the owner and mode of the file and its folder'],
  EROFS: ({ folder }) => ['the file system is read-only', `choose another folder${folder ? ` with ${folder}` : ''}`],
  ENOENT: () => ['no such file or folder', 'check the path'],
  ENOTDIR: () => ['a part of the path is not a folder', 'check the path'],
  EISDIR: () => ['expected a file, got a folder', 'check the path'],
  EMFILE: () => ['too many open files', "raise the limit with 'ulimit -n'"],
};

function again({ resume }: FailedCommand): string {
  return `run the same command ${resume ? 'with --resume' : 'again'}`;
}

const ANY_COMMAND: FailedCommand = { resume: false, folder: undefined };

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** One message of at most a kilobyte for any failure; `debug` adds the stack. */
export function describeError(error: unknown, debug: boolean, command = ANY_COMMAND): string {
  const message = briefly(messageOf(error, command));
  if (!debug || !(error instanceof Error) || error.stack === undefined) return message;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${message}\n${briefly(error.stack, STACK_BYTES)}${briefly(cause, STACK_BYTES)}`;
}

const STACK_BYTES = 8192;

function messageOf(error: unknown, command: FailedCommand): string {
  const refusal = systemRefusal(error, command);
  if (refusal !== undefined) return refusal;
  if (error instanceof WbdcError) return advisedMessage(error);
  return error instanceof Error ? error.message : String(error);
}

/** What stands between a file's name and the end of the name that it is written under. */
const UNFINISHED = /(\.[0-9a-f]{8}-\d+-\d+-[0-9a-f]{12})?\.(tmp|part)$/;

/**
 * A refusal of the operating system in the words of the command line. Where a library has put it into words, these name
 * the file: the system only knows the name that it was written under.
 */
function systemRefusal(error: unknown, command: FailedCommand): string | undefined {
  if (!isSystemError(error) || error instanceof UserError) return undefined;
  const explain = SYSTEM_ERRORS[error.code ?? ''];
  if (explain === undefined) return undefined;
  const [what, todo] = explain(command);
  if (error instanceof FileError) return `${error.task}: ${what}: ${todo}`;
  if (error instanceof WbdcError) return undefined;
  if (error.syscall === undefined && error.path === undefined) return undefined; // of no file: its own words
  const where = error.path === undefined ? '' : ` (${error.path.replace(UNFINISHED, '')})`;
  return `${what}${where}: ${todo}`;
}

/** The exit code of a failure. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof WbdcError) return advisedExitCode(error);
  return error instanceof UserError ? error.exitCode : 1;
}
