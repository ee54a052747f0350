import { join } from 'node:path';

const REMOTE = /^(https?|s3):\/\//i;

/** Whether a path names something on a server: `http://`, `https://` or `s3://bucket/key`. */
export function isRemote(path: string): boolean {
  return REMOTE.test(path);
}

/** Joins as `path.join` does, below a folder or below an address; a query stays behind. */
export function joinLocation(root: string, ...parts: readonly string[]): string {
  if (!isRemote(root)) return join(root, ...parts);
  const [, start, query] = /^([^?#]*)(.*)$/s.exec(root)!;
  return [start.replace(/\/+$/, ''), ...parts].join('/') + query;
}

/**
 * An address as it may stand in messages and logs: without user, password and query, where signatures stand. A path
 * stays as it is.
 */
export function shownLocation(url: string): string {
  if (!isRemote(url)) return url;
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/[?#].*$/s, '');
}
