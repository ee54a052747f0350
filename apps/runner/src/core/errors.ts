import { WbdcError } from '@wbdc/io/errors';
import { advisedExitCode, advisedMessage } from './advice.js';

/** A failure the user can act on: printed as its message alone, without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What the operating system's refusals mean for the user. */
const SYSTEM_ERRORS: Readonly<Record<string, (where: string) => string>> = {
  ENOSPC: (where) => `the disk is full${where}: free some space, then run the same command with --resume`,
  EDQUOT: (where) => `your disk quota is used up${where}: free some space, then run the same command with --resume`,
  EACCES: (where) => `permission denied${where}: check the owner and mode of the file and its folder`,
  EPERM: (where) => `operation not permitted${where}: check the owner and mode of the file and its folder`,
  EROFS: (where) => `the file system is read-only${where}: choose another folder with --set run.folder=...`,
  ENOENT: (where) => `no such file or folder${where}: check the path`,
  ENOTDIR: (where) => `a part of the path is not a folder${where}: check the path`,
  EISDIR: (where) => `expected a file, got a folder${where}: check the path`,
  EMFILE: (where) => `too many open files${where}: raise the limit with 'ulimit -n'`,
};

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** One message for any failure; `debug` adds the stack. */
export function describeError(error: unknown, debug: boolean): string {
  const message = messageOf(error);
  if (!debug || !(error instanceof Error) || error.stack === undefined) return message;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${message}\n${error.stack}${cause}`;
}

function messageOf(error: unknown): string {
  const refusal = systemRefusal(error);
  if (refusal !== undefined) return refusal;
  if (error instanceof WbdcError) return advisedMessage(error);
  return error instanceof Error ? error.message : String(error);
}

/** A refusal of the operating system, also one that a library has put into words, in those of the command line. */
function systemRefusal(error: unknown): string | undefined {
  if (!isSystemError(error) || error instanceof UserError) return undefined;
  const explain = SYSTEM_ERRORS[error.code ?? ''];
  const path = error.path ?? (isSystemError(error.cause) ? error.cause.path : undefined);
  const ownWords = error.syscall === undefined && path === undefined; // which name the file
  return explain === undefined || ownWords ? undefined : explain(path === undefined ? '' : ` (${path})`);
}

/** The exit code of a failure. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof WbdcError) return advisedExitCode(error);
  return error instanceof UserError ? error.exitCode : 1;
}
