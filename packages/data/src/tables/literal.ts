/** What a list in a cell of text may hold. */
export type Literal = string | number | boolean | null | readonly Literal[] | { readonly [key: string]: Literal };

/** Deeper lists are text. */
const MAX_DEPTH = 8;

/**
 * A list or record that a program has written into a cell of text: JSON (`["猫"]`), or as Python prints it
 * (`['猫', None]`, `('猫',)`, `{'time': 1}`, also numpy's `['a' 'b']` and `array(['a'], dtype=object)`). Nothing where
 * the text is no such literal as a whole: it is text.
 */
export function parseLiteral(text: string): Literal | undefined {
  if (!/^(?:array\()?[[({][^]*[\])}]$/.test(text)) return undefined;
  try {
    const reader = new LiteralReader(text);
    const value = reader.value(0);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

class NoLiteral extends Error {}

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}' };
const WORDS: Readonly<Record<string, boolean | null>> = {
  ...{ None: null, null: null, nan: null, NaN: null },
  ...{ True: true, true: true, False: false, false: false },
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '\n': '' };

class LiteralReader {
  private at = 0;

  constructor(private readonly text: string) {}

  end(): void {
    if (this.take(/\s*/y) !== undefined && this.at < this.text.length) throw new NoLiteral();
  }

  value(depth: number): Literal {
    this.take(/\s*/y);
    const sign = this.text[this.at] ?? '';
    if (sign in CLOSING) return this.group(sign, depth + 1);
    if (sign === '"' || sign === "'") return this.string(sign);
    const word = this.take(/[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?|[A-Za-z]+/iy);
    if (word === undefined) throw new NoLiteral();
    if (word === 'array' && this.take(/\(/y) !== undefined) return this.array(depth + 1);
    if (word in WORDS) return WORDS[word];
    const number = Number(word.replaceAll('_', ''));
    if (Number.isNaN(number)) throw new NoLiteral();
    return number;
  }

  /** What numpy prints around a list, behind its opening bracket. */
  private array(depth: number): Literal {
    const value = this.value(depth);
    if (this.take(/\s*(?:,\s*dtype=[\w<>|'".]+\s*)?\)/y) === undefined) throw new NoLiteral();
    return value;
  }

  /** A list, tuple or set; a record where keys stand in it. */
  private group(opening: string, depth: number): Literal {
    if (depth > MAX_DEPTH) throw new NoLiteral();
    this.at++;
    const values: Literal[] = [];
    const entries: [string, Literal][] = [];
    for (;;) {
      this.take(/\s*/y);
      if (this.text[this.at] === CLOSING[opening]) break;
      const value = this.value(depth);
      if (opening === '{' && this.take(/\s*:/y) !== undefined) entries.push([String(value), this.value(depth)]);
      else values.push(value);
      if (this.take(/\s*,/y) === undefined && this.at >= this.text.length) throw new NoLiteral();
    }
    this.at++;
    if (opening !== '{') return values;
    if (entries.length > 0 && values.length > 0) throw new NoLiteral();
    return values.length > 0 ? values : Object.fromEntries(entries);
  }

  private string(quote: string): string {
    this.at++;
    let value = '';
    for (;;) {
      value += this.take(quote === '"' ? /[^"\\]*/y : /[^'\\]*/y) ?? '';
      const sign = this.text[this.at++];
      if (sign === undefined) throw new NoLiteral();
      if (sign === quote) return value;
      value += this.escaped();
    }
  }

  private escaped(): string {
    const code = this.take(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
    if (code !== undefined) {
      const point = Number.parseInt(code.slice(1), 16);
      if (point > 0x10ffff) throw new NoLiteral();
      return String.fromCodePoint(point);
    }
    const sign = this.text[this.at++];
    if (sign === undefined) throw new NoLiteral();
    return ESCAPES[sign] ?? (/["'\\/]/.test(sign) ? sign : `\\${sign}`);
  }

  /** What a sticky pattern finds here, and moves behind it. */
  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }
}
