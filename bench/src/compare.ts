import { freemem } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Options } from './options.js';
import { NotHere, Peer, type Contender } from './peer.js';
import { digits, median } from './statistics.js';

/** What was measured of one contender. */
export interface Measured {
  readonly name: string;
  readonly about: string;
  readonly seconds: readonly number[];
  /** Median over the rounds of its time divided by the reference's in the same round. */
  readonly toReference: number;
  readonly peakRss: number;
  readonly loss: number | undefined;
}

export interface Comparison {
  readonly measured: readonly Measured[];
  /** Contenders that could not run, and why. */
  readonly skipped: Readonly<Record<string, string>>;
}

export interface CompareOptions extends Pick<Options, 'rounds' | 'minutes' | 'only' | 'together'> {
  /** Ours, on the engine everyone has: it runs beside all others. */
  readonly reference: Contender;
  readonly others: readonly Contender[];
  /** Estimated memory of one contender, in bytes. */
  readonly bytesEach: number;
  /** Asks more of the contenders of a group, when its rounds are done; the reference is in all of them. */
  readonly afterwards?: (peers: readonly Peer[]) => Promise<void>;
}

/** Threads that wait for work by spinning (OpenMP's do) shall be asleep when the next contender starts. */
const PAUSE = 250;

/**
 * Runs contenders in turn, a round each, so that all see the same noise of the machine; one round before the first is
 * not counted. Where memory does not hold all of them there are several groups, with the reference in each. Says what
 * each took as it goes, measures as many rounds as the minutes hold, and after Ctrl-C gives what is done.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { reference, rounds, minutes, afterwards } = options;
  const skipped: Record<string, string> = {};
  const measured: Measured[] = [];
  const groups = groupsOf(options, chosen(options));
  const end = minutes === undefined ? Infinity : performance.now() + 60_000 * minutes;
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt); // a second one ends the process at once
  for (const [number, group] of groups.entries()) {
    if (interruption.signal.aborted) break;
    const peers = await startAll([reference, ...group], skipped);
    assertSameModel(peers);
    const share = (end - performance.now()) / (groups.length - number);
    try {
      const of = await measure(peers, { rounds, milliseconds: share, signal: interruption.signal, skipped });
      measured.push(...of.slice(number === 0 ? 0 : 1));
      if (!interruption.signal.aborted) await afterwards?.(peers.filter(({ name }) => !(name in skipped)));
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()));
    }
  }
  process.off('SIGINT', interrupt);
  if (measured.length === 0) throw new Error('interrupted before anything was measured');
  return { measured, skipped };
}

function chosen({ only, reference, others }: CompareOptions): Contender[] {
  const names = [reference, ...others].map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new RangeError(`--only: expected some of ${names.join(', ')}, got '${unknown}'`);
  return others.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** Contenders in their order, as many at a time as fit beside the reference, one at least. */
function groupsOf({ together, bytesEach }: CompareOptions, others: readonly Contender[]): Contender[][] {
  const places = (together ?? (0.9 * freemem()) / bytesEach) - 1;
  const groups: Contender[][] = [[]];
  let used = 0;
  for (const contender of others) {
    const { memory = 1 } = contender;
    const full = groups.at(-1)!.length > 0 && used + memory > places;
    if (full) groups.push([]);
    groups.at(-1)!.push(contender);
    used = full ? memory : used + memory;
  }
  return groups;
}

async function startAll(contenders: readonly Contender[], skipped: Record<string, string>): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const contender of contenders) {
    try {
      process.stderr.write(`starting ${contender.name}\n`);
      peers.push(await Peer.start(contender));
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      skipped[contender.name] = error.message;
    }
  }
  const reference = contenders[0].name;
  if (peers[0]?.name === reference) return peers;
  throw new Error(`${reference}, with which the others are compared, does not run here: ${skipped[reference]}`);
}

function assertSameModel(peers: readonly Peer[]): void {
  const sizes = new Set(peers.flatMap(({ introduction }) => introduction.parameters ?? []));
  if (sizes.size <= 1) return;
  const said = peers.map(({ name, introduction }) => `${name} ${introduction.parameters}`);
  throw new Error(`expected models of the same size, got ${said.join(', ')} parameters`);
}

interface Measuring {
  /** At most. */
  readonly rounds: number;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  readonly skipped: Record<string, string>;
}

/**
 * A contender that ends on its way (memory, say) is skipped; the others go on. The round before the first says how many
 * there is time for.
 */
async function measure(
  peers: readonly Peer[],
  { rounds, milliseconds, signal, skipped }: Measuring,
): Promise<Measured[]> {
  const replies = new Map(peers.map((peer) => [peer, [] as Awaited<ReturnType<Peer['step']>>[]]));
  const start = performance.now();
  let last = rounds;
  for (let round = 0; round <= last && !signal.aborted; round++) {
    const took: string[] = [];
    for (const [peer, of] of replies) {
      if (signal.aborted) break;
      try {
        const reply = await peer.step(round);
        of.push(reply);
        took.push(`${peer.name} ${digits(reply.seconds)} s`);
      } catch (error) {
        if (peer === peers[0]) throw error;
        skipped[peer.name] = error instanceof Error ? error.message : String(error);
        replies.delete(peer);
      }
      await pause(PAUSE);
    }
    process.stderr.write(`${round === 0 ? 'warming up' : `round ${round} of ${last}`}: ${took.join(', ')}\n`);
    if (round > 0 || signal.aborted) continue;
    const each = performance.now() - start;
    last = Math.max(1, Math.min(rounds, Math.floor((milliseconds - each) / each)));
    process.stderr.write(`about ${digits((last * each) / 1000)} s for ${last} of ${rounds} rounds\n`);
  }
  const whole = Math.min(...[...replies.values()].map((of) => of.length)) - 1; // all of them have done
  if (whole < 1) return [];
  const secondsOf = (peer: Peer): number[] =>
    replies
      .get(peer)!
      .slice(1, whole + 1)
      .map(({ seconds }) => seconds);
  const reference = secondsOf(peers[0]);
  return [...replies].map(([peer, of]) => ({
    name: peer.name,
    about: peer.introduction.about,
    seconds: secondsOf(peer),
    toReference: median(secondsOf(peer).map((seconds, round) => seconds / reference[round])),
    peakRss: Math.max(...of.map(({ peakRss }) => peakRss)),
    loss: of.at(-1)!.loss,
  }));
}
