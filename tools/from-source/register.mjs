/**
 * Lets Node run this repository from its TypeScript: `node --import ./tools/from-source/register.mjs
 * apps/runner/src/cli.ts`. Vitest starts its processes with it for their threads' sake: what the main thread loads,
 * Vitest compiles itself.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/** Threads whose program is compiled (tools/compiled.ts) need nothing of it. */
const compiled = /[\\/]\.cache[\\/]compiled[\\/]/.test(process.argv[1]);
const needed = isMainThread ? process.env.VITEST === undefined : !compiled;
if (needed) register('./hooks.mjs', import.meta.url);
