/** A piece of a text, and whether what was looked for is in it. */
export interface Piece {
  readonly text: string;
  readonly matches: boolean;
}

const RUN = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]+|[\p{L}\p{N}]+/gu;

/** What of a query may stand in a text: whole words, pairs of Chinese characters, single ones where they are alone. */
export function needlesOf(query: string): string[] {
  const needles = new Set<string>();
  for (const [run] of query.normalize('NFKC').toLowerCase().matchAll(RUN)) {
    const characters = [...run];
    if (!/\p{sc=Han}/u.test(run) || characters.length === 1) needles.add(run);
    else characters.slice(1).forEach((character, i) => needles.add(characters[i] + character));
  }
  return [...needles];
}

/** A text in pieces that match and others. */
export function piecesOf(text: string, needles: readonly string[]): Piece[] {
  const low = text.toLowerCase();
  const marked = new Array<boolean>(text.length).fill(false);
  for (const needle of needles) {
    for (let at = low.indexOf(needle); at >= 0; at = low.indexOf(needle, at + 1))
      marked.fill(true, at, at + needle.length);
  }
  const pieces: Piece[] = [];
  for (let from = 0; from < text.length;) {
    let to = from;
    while (to < text.length && marked[to] === marked[from]) to++;
    pieces.push({ text: text.slice(from, to), matches: marked[from] });
    from = to;
  }
  return pieces;
}
