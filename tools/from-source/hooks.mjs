import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';

/** Compiled sources by their contents: a process that finds all of them here starts in half the time. */
const CACHE = new URL('../../node_modules/.cache/from-source/', import.meta.url);

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
  const text = readFileSync(path, 'utf8');
  const cached = new URL(`${createHash('sha256').update(`${VERSION}\n${path}\n${text}`).digest('hex')}.js`, CACHE);
  const source = existsSync(cached) ? readFileSync(cached, 'utf8') : await compile(path, text, cached);
  return { format: 'module', source, shortCircuit: true };
}

/** What compiles is part of what came of it. */
const VERSION = readFileSync(new URL('../../node_modules/vite/package.json', import.meta.url), 'utf8').match(
  /"version": *"([^"]+)"/,
)[1];

async function compile(path, text, cached) {
  const { transformWithOxc } = await import('vite');
  const { code } = await transformWithOxc(text, path);
  mkdirSync(CACHE, { recursive: true });
  const written = new URL(`${cached.pathname.split('/').at(-1)}.${process.pid}-${threadId}`, CACHE);
  writeFileSync(written, code);
  renameSync(written, cached); // other processes read it whole
  return code;
}
