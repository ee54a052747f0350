#!/usr/bin/env node
import { runCommandLine } from './program.js';

const { stdout, stderr, env } = process;
stdout.on('error', endQuietly);

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout,
  stderr,
  env,
  folder: process.cwd(),
  now: () => Date.now(),
  signals: process,
  exit: (code) => process.exit(code),
});

/** `wbdc ... | head` closes the pipe early: no reason for a stack. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
