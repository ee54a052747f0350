import { appendFileSync } from 'node:fs';

/** Writes the address of every module that is loaded, but for Node's own, one a line. */
export function load(url, context, nextLoad) {
  if (!url.startsWith('node:')) appendFileSync(process.env.WBDC_MODULES, `${url}\n`);
  return nextLoad(url, context);
}
