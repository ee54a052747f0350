/** What text with separators holds. */
export interface SeparatedText {
  readonly rows: readonly SeparatedRow[];
  /** Whether the text ends inside quotes: they hold all that follows them. */
  readonly open: boolean;
}

interface SeparatedRow {
  /** None of an empty line. */
  readonly cells: readonly string[];
  /**
   * Whether a quoted cell has a line end in its quotes and text behind them: two stray quotes have swallowed what is
   * between.
   */
  readonly torn: boolean;
}

/**
 * Cells of CSV, TSV and the like, as `csv.reader` of Python reads them (dialect `excel`): quotes count at the start of
 * a cell alone, `""` within them is one, and text behind the closing one belongs to the cell: `"猫咪"的澡` is 猫咪的澡.
 * Rows end with LF, CR or both.
 *
 * @param separator one character
 */
export function parseSeparated(text: string, separator: string): SeparatedText {
  const rows: SeparatedRow[] = [];
  const reader = new CellReader(text, separator);
  while (!reader.ended) rows.push(reader.row());
  return { rows, open: reader.open };
}

class CellReader {
  open = false;
  private at = 0;
  private readonly ends: RegExp;

  constructor(
    private readonly text: string,
    separator: string,
  ) {
    if (separator.length !== 1) throw new RangeError(`expected a separator of one character, got '${separator}'`);
    this.ends = new RegExp(`[\r\n${separator.replace(/[\\\]^-]/, '\\$&')}]`, 'g');
  }

  get ended(): boolean {
    return this.at >= this.text.length;
  }

  row(): SeparatedRow {
    const cells: string[] = [];
    let torn = false;
    if (this.takeLineEnd()) return { cells, torn };
    for (;;) {
      const quoted = this.text[this.at] === '"' ? this.takeQuoted() : undefined;
      const plain = this.takePlain();
      torn ||= quoted !== undefined && plain !== '' && /[\r\n]/.test(quoted);
      cells.push((quoted ?? '') + plain);
      if (this.ended || this.takeLineEnd()) return { cells, torn };
      this.at++; // the separator
    }
  }

  /** What stands in quotes, from the opening to the closing one. */
  private takeQuoted(): string {
    let cell = '';
    let from = this.at + 1;
    for (;;) {
      const quote = this.text.indexOf('"', from);
      if (quote < 0) {
        this.open = true;
        this.at = this.text.length;
        return cell + this.text.slice(from);
      }
      cell += this.text.slice(from, quote);
      this.at = quote + 1;
      if (this.text[this.at] !== '"') return cell;
      cell += '"';
      from = this.at + 1;
    }
  }

  private takePlain(): string {
    this.ends.lastIndex = this.at;
    const end = this.ends.exec(this.text)?.index ?? this.text.length;
    const plain = this.text.slice(this.at, end);
    this.at = end;
    return plain;
  }

  private takeLineEnd(): boolean {
    const sign = this.text[this.at];
    if (sign !== '\n' && sign !== '\r') return false;
    this.at += sign === '\r' && this.text[this.at + 1] === '\n' ? 2 : 1;
    return true;
  }
}
