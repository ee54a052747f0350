import { TrainedError } from '../errors.js';
import { wholeFiles, type ModelFiles } from '../model-files.js';

/** The files of a model at an address. */
export function filesAt(address: URL): ModelFiles {
  const base = new URL(address);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return wholeFiles(base.origin + base.pathname, async (name) => {
    const url = new URL(name, base);
    url.search = base.search; // a token, say
    const response = await fetch(url);
    if (response.status === 404) return undefined;
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    const where = url.origin + url.pathname;
    const got = `status ${response.status}`;
    throw new TrainedError({ where, expected: 'a file of a model', got, code: 'model-files' });
  });
}
