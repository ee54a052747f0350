#!/usr/bin/env node
// The command line is compiled from TypeScript. In a fresh clone it is not there yet: build it once.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const compiled = new URL('../dist/cli.js', import.meta.url);
const project = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

if (!existsSync(compiled) && existsSync(project)) {
  process.stderr.write('wbdc: building once (a minute at most)...\n');
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', project], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
await import(compiled.href);
