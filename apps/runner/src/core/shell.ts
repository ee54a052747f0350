/** A word as it has to be typed in a shell: in quotes where it holds more than letters, digits and plain signs. */
export function shellQuoted(word: string): string {
  return /^[\w./=:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
