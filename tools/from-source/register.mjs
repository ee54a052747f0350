/**
 * Lets Node run this repository from its TypeScript: `node --import ./tools/from-source/register.mjs
 * apps/runner/src/cli.ts`. Vitest starts its processes with it for their threads' sake: what the main thread loads,
 * Vitest compiles itself.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread || process.env.VITEST === undefined) register('./hooks.mjs', import.meta.url);
