/** Whether an operating system left a file among others: hidden ones, and the resource forks in zips of macOS. */
export function isSystemFile(path: string): boolean {
  const segments = path.split('/');
  return segments.at(-1)!.startsWith('.') || segments[0] === '__MACOSX';
}
