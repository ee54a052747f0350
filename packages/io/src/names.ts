/** What operating systems and their file managers leave among files, in lower case. */
const SYSTEM_NAMES = new Set([
  ...['thumbs.db', 'ehthumbs.db', 'ehthumbs_vista.db', 'desktop.ini', 'icon\r'],
  ...['__macosx', '$recycle.bin', 'system volume information', 'lost+found', '@eadir', '#recycle'],
]);

/**
 * Whether an operating system left a file or folder among others, by its path in a folder or zip: hidden ones
 * (`.DS_Store`, `._1.jpg`), `Thumbs.db`, `desktop.ini`, and all below `__MACOSX`, wherever that stands. Every reader of
 * folders and zips skips these, and says nothing of them.
 */
export function isSystemFile(path: string): boolean {
  return path.split(/[/\\]/).some((segment) => {
    if (segment === '.' || segment === '..') return false;
    return segment.startsWith('.') || SYSTEM_NAMES.has(segment.toLowerCase());
  });
}

/** A path without the ending of its last name: one of at most five characters, `.mp4` or `.jsonl`. */
export function withoutEnding(path: string): string {
  return path.replace(/\.[^./]{1,5}$/, '');
}

/**
 * Natural order of names, for `sort`: runs of digits count as numbers (`frame2` before `frame10`), everything else by
 * its code units. Names that differ in leading zeros alone follow by their code units, so that equal names alone tie.
 */
export function compareNatural(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareParts(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareUnits(a, b);
}

/** Runs of digits, and what stands between them. */
function partsOf(name: string): string[] {
  return name.match(/\d+|\D+/g) ?? [];
}

function compareParts(a: string, b: string): number {
  if (!isNumber(a) || !isNumber(b)) return compareUnits(a, b);
  const [left, right] = [a, b].map((digits) => digits.replace(/^0+(?=\d)/, ''));
  return left.length - right.length || compareUnits(left, right);
}

function isNumber(part: string): boolean {
  return part >= '0' && part < ':';
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
