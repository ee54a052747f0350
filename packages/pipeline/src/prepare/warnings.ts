import { counted } from '@wbdc/report/format';

/** What can be wrong with some of the input while the rest is fine. */
const WARNINGS = {
  'bad row': ['row that cannot be used', 'rows that cannot be used'],
  'row without video': ['row names no video here', 'rows name no video here'],
  'second row': [
    'further row for the same video: the first one counts',
    'further rows for the same video: the first one counts',
  ],
  'video without row': [
    'video has no row: it gets no text and no label',
    'videos have no row: they get no text and no label',
  ],
  'empty text': ['video has no text at all', 'videos have no text at all'],
  'unreadable video': ['video cannot be read: left out', 'videos cannot be read: left out'],
  'unrecognised text': [
    'video whose text could not be recognised: it stays empty',
    'videos whose text could not be recognised: it stays empty',
  ],
  'unusable pair': ['pair that cannot be used', 'pairs that cannot be used'],
  'pair across splits': [
    'pair of a video to learn from and a held-out one: left out',
    'pairs of a video to learn from and a held-out one: left out',
  ],
  alike: [
    'group of videos with the same pictures: kept in one split',
    'groups of videos with the same pictures: kept in one split',
  ],
  'unknown file': ['file is neither video nor picture: ignored', 'files are neither videos nor pictures: ignored'],
  'same pictures, other category': [
    'group of videos with the same pictures has several categories',
    'groups of videos with the same pictures have several categories',
  ],
} as const satisfies Record<string, readonly [one: string, more: string]>;

export type Warning = keyof typeof WARNINGS;

/** Gathers what was skipped or looks wrong, so that all of it can be read afterwards. */
export class Warnings {
  private readonly messages = new Map<Warning, string[]>();

  readonly add = (kind: Warning, message: string): void => {
    const known = this.messages.get(kind);
    if (known) known.push(message);
    else this.messages.set(kind, [message]);
  };

  count(kind: Warning): number {
    return this.messages.get(kind)?.length ?? 0;
  }

  /** How many of each kind there are. */
  get counts(): Partial<Record<Warning, number>> {
    return Object.fromEntries(this.kinds().map((kind) => [kind, this.count(kind)]));
  }

  /** A line a kind, with the first case of each. */
  summaries(): string[] {
    return this.kinds().map((kind) => {
      const [one, more] = WARNINGS[kind];
      return `${counted(this.count(kind), one, more)}: ${this.messages.get(kind)![0]}`;
    });
  }

  /** Every case: kind, tab, message. */
  lines(): string[] {
    return this.kinds().flatMap((kind) =>
      this.messages.get(kind)!.map((message) => `${kind}\t${message.replaceAll(/\s+/g, ' ')}`),
    );
  }

  /** In the order of their table. */
  private kinds(): Warning[] {
    return (Object.keys(WARNINGS) as Warning[]).filter((kind) => this.messages.has(kind));
  }
}
