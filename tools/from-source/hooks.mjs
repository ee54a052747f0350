import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformWithOxc } from 'vite';

/** Imports name what the compiler makes, `./x.js`: here it is still `./x.ts`. */
export function resolve(specifier, context, next) {
  const conditions = [...context.conditions, '@wbdc/source'];
  const source = specifier.startsWith('.') && context.parentURL?.endsWith('.ts') && specifier.replace(/\.js$/, '.ts');
  const found = source && existsSync(new URL(source, context.parentURL)) ? source : specifier;
  return next(found, { ...context, conditions });
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  const { code } = await transformWithOxc(readFileSync(path, 'utf8'), path);
  return { format: 'module', source: code, shortCircuit: true };
}
