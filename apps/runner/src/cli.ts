#!/usr/bin/env node
import { CHILD_VARIABLE, childStarter } from './jobs/child.js';
import { runCommandLine } from './program.js';

const { stdout, stderr, env } = process;
stdout.on('error', endQuietly);
const send = env[CHILD_VARIABLE] === undefined ? undefined : process.send?.bind(process);
if (send) {
  // Without a parent nobody waits for the result: end as if interrupted, with everything needed to go on.
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref(); // the parent alone is no reason to stay
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout,
  stderr,
  env,
  folder: process.cwd(),
  now: () => Date.now(),
  signals: process,
  exit: (code) => process.exit(code),
  startChild: childStarter(process.argv[1]),
  ...(send && { report: (progress) => void (process.connected && send(progress)) }),
});

/** `wbdc ... | head` closes the pipe early: no reason for a stack. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
