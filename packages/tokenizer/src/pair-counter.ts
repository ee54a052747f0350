/** A word of the training text: its pieces so far and how often it occurs. */
export interface CountedWord {
  pieces: string[];
  readonly count: number;
}

export interface PairCounter {
  /** The most frequent pair of neighbouring pieces; of equals the one first in order. */
  mostFrequent(): Pair | undefined;
  /** Replaces `left, right` by `merged` in every word. */
  merge(left: string, right: string, merged: string): void;
}

interface Pair {
  left: string;
  right: string;
  count: number;
}

interface Entry extends Pair {
  /** Indices of words in which the pair stood at some time. */
  words: Set<number>;
}

/**
 * Counts pairs once and then keeps the counts up to date: a merge touches only the words that hold the pair. The heap
 * is lazy: an entry whose count has changed is put right when it comes to the top.
 */
export function pairCounter(words: CountedWord[]): PairCounter {
  const entries = new Map<string, Entry>();
  const heap = new MaxHeap();
  const add = (index: number, sign: 1 | -1, raised?: Set<Entry>) => {
    const { pieces, count } = words[index];
    for (let i = 0; i + 1 < pieces.length; i++) {
      const entry = entryOf(entries, pieces[i], pieces[i + 1]);
      entry.count += sign * count;
      entry.words.add(index);
      raised?.add(entry);
    }
  };
  words.forEach((_, index) => add(index, 1));
  for (const entry of entries.values()) heap.push({ ...entry, entry });
  return {
    mostFrequent: () => heap.settle(),
    merge(left, right, merged) {
      const raised = new Set<Entry>();
      for (const index of entryOf(entries, left, right).words) {
        const pieces = mergePieces(words[index].pieces, left, right, merged);
        if (pieces.length === words[index].pieces.length) continue;
        add(index, -1);
        words[index].pieces = pieces;
        add(index, 1, raised);
      }
      for (const entry of raised) heap.push({ ...entry, entry });
    },
  };
}

function entryOf(entries: Map<string, Entry>, left: string, right: string): Entry {
  const key = `${left} ${right}`; // words hold no spaces
  let entry = entries.get(key);
  if (entry === undefined) entries.set(key, (entry = { left, right, count: 0, words: new Set() }));
  return entry;
}

function mergePieces(pieces: readonly string[], left: string, right: string, merged: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const hit = pieces[i] === left && pieces[i + 1] === right;
    result.push(hit ? merged : pieces[i]);
    if (hit) i++;
  }
  return result;
}

/** A pair as it was when pushed, and the entry that knows its count now. */
interface Node extends Pair {
  entry: Entry;
}

class MaxHeap {
  readonly #nodes: Node[] = [];

  push(node: Node): void {
    const nodes = this.#nodes;
    let i = nodes.push(node) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(nodes[i], nodes[parent])) return;
      [nodes[i], nodes[parent]] = [nodes[parent], nodes[i]];
      i = parent;
    }
  }

  /** The top whose count is true; counts that fell since they were pushed are corrected on the way. */
  settle(): Pair | undefined {
    for (;;) {
      const top = this.#nodes[0];
      if (top === undefined || top.count === top.entry.count) return top;
      this.#pop();
      if (top.entry.count > 0 && top.count > top.entry.count) this.push({ ...top, count: top.entry.count });
    }
  }

  #pop(): void {
    const nodes = this.#nodes;
    const last = nodes.pop()!;
    if (nodes.length === 0) return;
    nodes[0] = last;
    for (let i = 0; ;) {
      let best = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < nodes.length && before(nodes[child], nodes[best])) best = child;
      }
      if (best === i) return;
      [nodes[i], nodes[best]] = [nodes[best], nodes[i]];
      i = best;
    }
  }
}

function before(a: Node, b: Node): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.left !== b.left) return a.left < b.left;
  return a.right < b.right;
}
