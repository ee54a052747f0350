import { access, cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { foldIn, randomKey, uniform, type Key } from '@wbdc/nn';
import { FILES, startHub, type FakeHub } from '../../../../packages/checkpoints/test/hub/server.js';
import { WRITING, type WritingCommand } from './commands.js';
import { makeAlike } from './alike.js';
import { differences } from './compare.js';
import { start, type Ended, type LostOutput, type Place, type Started } from './process.js';
import { makeWorld } from './world.js';

/** What became of a command that was killed. */
export interface Killed {
  /** Milliseconds of work before each kill. */
  readonly after: readonly number[];
  /** How the end result differs from that of the uninterrupted run. */
  readonly differences: readonly string[];
}

export interface Signalled extends Ended {
  readonly differences: readonly string[];
}

/** As many attempts to end a command before it ends itself: a busy machine is now fast, now slow. */
const TRIES = 6;

/**
 * A world in which commands are killed: `reference/` is what they leave uninterrupted, `world/` where they run, always
 * at the same place, for some write paths down.
 */
export class KillWorld {
  /** Milliseconds of work of each command, uninterrupted, from its first trace to its end. */
  readonly #work = new Map<WritingCommand, number>();

  private constructor(
    private readonly root: string,
    private readonly hub: FakeHub,
    private readonly startWhole: typeof start,
  ) {}

  /** @param startWhole starts a command that comes to its end, in a process of its own or not */
  static async make(startWhole = start): Promise<KillWorld> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'wbdc-kill-')));
    const world = new KillWorld(root, await startHub(FILES), startWhole);
    await mkdir(join(world.folder, 'tmp'), { recursive: true });
    await makeWorld(world.folder);
    return world;
  }

  async remove(): Promise<void> {
    await this.hub.close();
    await rm(this.root, { recursive: true });
  }

  get folder(): string {
    return join(this.root, 'world');
  }

  /** Runs commands uninterrupted, in their order, and keeps what they leave. */
  async prepare(commands: readonly WritingCommand[]): Promise<void> {
    for (const command of commands) {
      if (command.changes) await this.keep(command);
      else
        await Promise.all(command.makes.map((path) => rm(join(this.folder, path), { recursive: true, force: true })));
      const started = this.startWhole(command.args.split(' '), this.place);
      const began = await this.began(command, started);
      const { code, said } = await started.ended;
      if (code !== 0) throw new Error(`wbdc ${command.args}: exit code ${code}\n${said}`);
      this.#work.set(command, performance.now() - began);
    }
    await cp(this.folder, join(this.root, 'reference'), { recursive: true, preserveTimestamps: true });
  }

  /** The world as it was before a command ran. */
  async before(command: WritingCommand): Promise<void> {
    await this.restore(this.from(command).flatMap(({ makes }) => makes));
    if (command.changes) await cp(this.keptOf(command), this.folder, { recursive: true, preserveTimestamps: true });
  }

  /** Keeps what a command will change. */
  private async keep(command: WritingCommand): Promise<void> {
    for (const path of command.makes) {
      await cp(join(this.folder, path), join(this.keptOf(command), path), {
        recursive: true,
        preserveTimestamps: true,
      });
    }
  }

  private keptOf({ name }: WritingCommand): string {
    return join(this.root, 'before', name);
  }

  /** The commands from one on. */
  private from(command: WritingCommand): WritingCommand[] {
    const all = [...this.#work.keys()];
    return all.slice(all.indexOf(command));
  }

  private async restore(without: readonly string[]): Promise<void> {
    for (const path of without) await rm(join(this.folder, path), { recursive: true, force: true });
    await makeAlike(join(this.root, 'reference'), this.folder, without);
  }

  /** Kills a command so many times, at random moments of its work, lets it go on each time, and at last end. */
  async kill(command: WritingCommand, key: Key, times = 1): Promise<Killed> {
    await this.before(command);
    const after: number[] = [];
    for (let kill = 0; kill < times; kill++) {
      const moment = await this.killOnce(command, foldIn(key, kill), after.length > 0);
      if (moment !== undefined) after.push(moment);
    }
    return { after, differences: await this.finish(command, after.length > 0) };
  }

  /** Gives the moment; none where the command always came to its end before. */
  private async killOnce(command: WritingCommand, key: Key, again: boolean): Promise<number | undefined> {
    const work = this.#work.get(command)!;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const started = this.start(argsOf(command, again));
      const began = await this.began(command, started, again);
      await setTimeout((uniform(key, 0) * work) / 2 ** attempt);
      const moment = performance.now() - began;
      started.kill('SIGKILL');
      const { code, said } = await started.ended;
      if (code === 'SIGKILL') return moment;
      if (code !== 0) throw new Error(`wbdc ${argsOf(command, again)}: exit code ${code}\n${said}`);
      if (again) return undefined; // it had little left to do
      await this.before(command);
    }
    return undefined;
  }

  /** Asks a command to end as soon as it begins to work, and then lets it go on. */
  async signal(command: WritingCommand, signal: NodeJS.Signals): Promise<Signalled> {
    await this.before(command);
    const started = this.start(command.args);
    await started.spoke;
    started.kill(signal);
    const ended = await started.ended;
    return { ...ended, differences: await this.finish(command, true) };
  }

  /** Runs a command whose output is lost. */
  async lose(command: WritingCommand, lost: LostOutput): Promise<Signalled> {
    await this.before(command);
    const ended = await this.start(command.args, lost).ended;
    return { ...ended, differences: await this.left(command) };
  }

  /** The world as all commands left it. */
  async complete(): Promise<void> {
    await this.restore([]);
  }

  /** How a tree differs after a command that only reads. */
  async read(args: string): Promise<Signalled> {
    const ended = await this.startWhole(args.split(' '), this.place).ended;
    return { ...ended, differences: await differences(join(this.root, 'reference'), this.folder) };
  }

  private async finish(command: WritingCommand, again: boolean): Promise<string[]> {
    const { code, said } = await this.startWhole(argsOf(command, again).split(' '), this.place).ended;
    return code === 0 ? this.left(command) : [`wbdc ${argsOf(command, again)}: exit code ${code}: ${said}`];
  }

  /** How what a command left differs from what it leaves uninterrupted. */
  private async left(command: WritingCommand): Promise<string[]> {
    const own = command.makes;
    const beside = this.from(command).flatMap(({ makes }) => makes.filter((path) => !own.includes(path)));
    const found = await differences(join(this.root, 'reference'), this.folder);
    return found.filter((line) => !beside.some((path) => line.startsWith(path) && line.endsWith(': missing')));
  }

  start(args: string, lost?: LostOutput): Started {
    return start(args.split(' '), { ...this.place, ...(lost && { lost }) });
  }

  private get place(): Place {
    const env = {
      HF_ENDPOINT: this.hub.url,
      HF_HUB_CACHE: join(this.folder, 'cache'),
      TMPDIR: join(this.folder, 'tmp'),
    };
    return { folder: this.folder, env };
  }

  /** When a command begins to work: it says something, or something of what it makes is there. */
  private async began({ makes, changes }: WritingCommand, { spoke }: Started, again = false): Promise<number> {
    let waiting = true;
    const said = spoke.then(() => (waiting = false));
    const paths = again || changes ? [] : makes.map((path) => join(this.folder, path));
    while (waiting) {
      await Promise.race([said, setTimeout(3)]);
      const there = await Promise.all(
        paths.map((path) =>
          access(path).then(
            () => true,
            () => false,
          ),
        ),
      );
      if (there.includes(true)) break;
    }
    return performance.now();
  }
}

function argsOf({ args, again }: WritingCommand, resumed: boolean): string {
  return resumed && again !== undefined ? `${args} ${again}` : args;
}

/** The commands up to one of a name, which may read what those before it made; without a name all but the long ones. */
export function commandsUpTo(name?: string): readonly WritingCommand[] {
  const last = name === undefined ? WRITING.length - 1 : WRITING.findIndex((command) => command.name === name);
  return WRITING.slice(0, last + 1).filter((command) => !command.long || command.name === name);
}

/** Decides the moments of a round of kills. */
export function killKey(seed: number, command: WritingCommand, round: number): Key {
  return foldIn(foldIn(randomKey(seed), command.name), round);
}
