// A command line compiled from TypeScript. In a fresh clone it is not there yet: it is built once.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Runs `dist/cli.js` of the package whose `bin/` folder holds the file of this address. */
export async function runCompiled(bin, name) {
  const compiled = new URL('../dist/cli.js', bin);
  const project = fileURLToPath(new URL('../tsconfig.json', bin));
  if (!existsSync(compiled) && existsSync(project)) {
    process.stderr.write(`${name}: building once (a minute at most)...\n`);
    const compiler = createRequire(bin).resolve('typescript/bin/tsc');
    const { status } = spawnSync(process.execPath, [compiler, '-b', project], { stdio: ['ignore', 2, 2] });
    if (status !== 0) process.exit(status ?? 1);
  }
  await import(compiled.href);
}
