/**
 * Words for full text search. Chinese is written without blanks: a run of its characters becomes its single characters
 * and its pairs of neighbours (n-grams of 1 and 2). Other scripts give whole words, emoji themselves. What is looked
 * for and what is looked through pass through the same normalisation: NFKC, lower case.
 */
const RUN = '[\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Hangul}ー]';
const PARTS = new RegExp(`(${RUN}+)|(?:(?!${RUN})[\\p{L}\\p{N}\\p{M}_])+|\\p{Extended_Pictographic}`, 'gu');

/** Longer words are cut: what has no blank in it may be an address, or noise. */
const LONGEST = 40;

/** Characters that stand in most texts and say little: alone they are not looked for. */
const FUNCTION_CHARACTERS = new Set('的了是在和与也就都而及着过吗呢吧啊把被');

/** What a text is found by: all its words, separated by blanks. */
export function wordsOfText(text: string): string {
  const words: string[] = [];
  forEachPart(text, (part, run) => {
    words.push(...(run ? [...part, ...pairsOf(part)] : [part]));
  });
  return words.join(' ');
}

/** What a query looks for; empty where nothing is left of it. */
export function wordsOfQuery(text: string): string {
  const words = new Set<string>();
  forEachPart(text, (part, run) => {
    if (!run) return void words.add(part);
    const single = [...part];
    const telling = single.filter((character) => !FUNCTION_CHARACTERS.has(character));
    for (const word of [...pairsOf(part), ...(single.length === 1 ? single : telling)]) words.add(word);
  });
  return [...words].slice(0, MOST_WORDS).join(' ');
}

/** A query of more is a text: its first words tell enough. */
const MOST_WORDS = 128;

/** @param run whether the part is a run of characters of a script without blanks */
function forEachPart(text: string, use: (part: string, run: boolean) => void): void {
  for (const [part, run] of text.normalize('NFKC').toLowerCase().matchAll(PARTS)) {
    use(run === undefined ? [...part].slice(0, LONGEST).join('') : part, run !== undefined);
  }
}

function pairsOf(run: string): string[] {
  const characters = [...run];
  return characters.slice(1).map((character, i) => characters[i] + character);
}
