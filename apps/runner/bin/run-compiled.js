// A command line compiled from TypeScript. In a fresh clone it is not there yet: it is built once.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Runs `dist/cli.js` of the package whose `bin/` folder holds the file of this address. */
export async function runCompiled(bin, name) {
  const compiled = new URL('../dist/cli.js', bin);
  const builder = new URL('../../../tools/transpile.mjs', bin); // of the repository alone
  if (!existsSync(compiled) && existsSync(builder)) {
    process.stderr.write(`${name}: building once (some seconds)...\n`);
    const { transpile } = await import(builder.href);
    await transpile([fileURLToPath(new URL('..', bin))]);
  }
  await import(compiled.href);
}
