import { Growing } from '@wbdc/io/tables';
import { byFrequency, type TagCount } from '../wbdc/tags.js';

/** Decides which tags count, and their order, from how many videos carry each. */
export type ChooseTags = (counts: readonly TagCount[]) => readonly string[];

/** Tags in memory that threads share. */
export interface SharedTags {
  readonly list: readonly string[];
  readonly values: Int32Array;
  readonly starts: Float64Array;
  readonly tagged: Uint8Array;
}

/**
 * The tags of every video as numbers. Which of them count can be decided when all videos have been read, so that one
 * pass over the annotations is enough.
 */
export class TagLists {
  /** The tags that count, by index; none before {@link choose}. */
  list: readonly string[] = [];
  private readonly numbers = new Map<string, number>();
  private counts: number[] = [];
  private values: Growing<Int32Array> = new Growing(Int32Array);
  private starts = newStarts();
  private tagged: Growing<Uint8Array> = new Growing(Uint8Array);

  /** What another thread has shared. */
  static of({ list, values, starts, tagged }: SharedTags): TagLists {
    const tags = new TagLists();
    tags.list = list;
    [tags.values, tags.starts, tags.tagged] = [Growing.of(values), Growing.of(starts), Growing.of(tagged)];
    return tags;
  }

  share(): SharedTags {
    const { list, values, starts, tagged } = this;
    return { list, values: values.share(), starts: starts.share(), tagged: tagged.share() };
  }

  add(tags: readonly string[] | undefined): void {
    for (const tag of new Set(tags)) {
      const number = this.numbers.get(tag) ?? this.numbers.size;
      this.numbers.set(tag, number);
      this.counts[number] = (this.counts[number] ?? 0) + 1;
      this.values.push(number);
    }
    this.starts.push(this.values.length);
    this.tagged.push(Number(tags !== undefined));
  }

  /** Keeps the tags of a list, as indices into it. */
  choose(choose: ChooseTags): void {
    this.list = choose(byFrequency(Array.from(this.numbers, ([tag, number]) => [tag, this.counts[number]])));
    const indices = new Int32Array(this.numbers.size).fill(-1);
    this.list.forEach((tag, index) => {
      const number = this.numbers.get(tag);
      if (number !== undefined) indices[number] = index;
    });
    const [values, starts] = [new Growing(Int32Array), newStarts()];
    for (let i = 0; i < this.tagged.length; i++) {
      values.append(
        this.numbersOf(i)
          .map((number) => indices[number])
          .filter((index) => index >= 0)
          .sort(),
      );
      starts.push(values.length);
    }
    [this.values, this.starts] = [values, starts];
    this.numbers.clear();
    this.counts = [];
  }

  /** Sorted indices of a video's tags; nothing where it came without any. */
  get(i: number): number[] | undefined {
    return this.tagged.at(i) ? [...this.numbersOf(i)] : undefined;
  }

  private numbersOf(i: number): Int32Array {
    return this.values.subarray(this.starts.at(i), this.starts.at(i + 1));
  }
}

function newStarts(): Growing<Float64Array> {
  const starts = new Growing(Float64Array);
  starts.push(0);
  return starts;
}
