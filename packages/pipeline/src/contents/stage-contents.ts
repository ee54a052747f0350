import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists, readMarks, writeMarks, type FileMarks } from '@wbdc/io';
import { isRemote } from '@wbdc/io/remote';
import { changedSince } from './changes.js';
import { changedContents, NOTHING, type Contents, type Inventory } from './contents.js';
import { aiacInventory, partName, wbdcInventory, type DataPart } from './data.js';
import { fileInventory, stageInventory } from './files.js';

/** What a stage's record says of contents. */
export interface KeptContents {
  readonly status: 'complete' | 'unfinished';
  /** When it was begun. */
  readonly created: string;
  /** What it held when it was complete; of the data stage, what the data set held. */
  readonly contents?: Contents;
  /** What it was made from, other stages aside. */
  readonly inputs?: Contents;
}

/** A stage of a run, in its folder. */
export interface StageAt {
  readonly folder: string;
  readonly record: () => Promise<KeptContents | undefined>;
  /** The stages that it was made from: as its record has them, and as they are now, without those that are gone. */
  readonly stages: () => Promise<{ readonly before: Contents; readonly now: Contents }>;
  /** Adds what it holds to a record that does not say it. */
  readonly keep: (contents: Contents) => Promise<void>;
}

/** Where the data set of a run is. */
export interface DataAt {
  /** The user's own; otherwise it is in the folder of the data stage. */
  readonly root?: string | undefined;
  readonly layout: 'wbdc' | 'aiac';
  /** Where its frames are, if elsewhere: a folder or an address. */
  readonly frames?: string | undefined;
  readonly splits: readonly string[];
}

/** What a stage depends on besides other stages. */
export interface StageReads {
  readonly parts: readonly DataPart[];
  /**
   * Files and folders by the settings that name them; one that is not there, as a name of the hub, does not count. A
   * file on a server has to be there.
   */
  readonly files: Readonly<Record<string, string | null | undefined>>;
}

/** In a stage's folder: how files were when they were looked at, so that the next look reads only what has changed. */
export const MARKS_FILE = 'contents.tsv';

/** What the data set and the stages of a run hold: each is looked at once. */
export class StageContents {
  private readonly looks = new Map<string, Promise<Inventory>>();
  private namedFiles: FileMarks = new Map();

  constructor(
    private readonly at: DataAt,
    /** The folder that relative paths start from. */
    private readonly from: string,
    private readonly signal?: AbortSignal,
  ) {}

  /** Hashes of the data set, looked at by the data stage of a run. */
  async data(stage: StageAt): Promise<Contents> {
    return (await this.look(stage, true)).contents;
  }

  /** Hashes of what the data stage is made from: nothing where it builds the data set itself. */
  async dataInputs(stage: StageAt): Promise<Contents> {
    return this.at.root === undefined ? {} : this.data(stage);
  }

  /** Hashes of what a stage would be made from now, other stages aside. */
  async inputs({ parts, files }: StageReads, stage: StageAt, data: StageAt): Promise<Contents> {
    const named = await this.files(files, stage);
    if (parts.length === 0) return named;
    const held = await this.data(data);
    const read = parts.filter((part) => part.kind !== 'groups' || partName(part) in held);
    return { ...Object.fromEntries(read.map(partName).map((what) => [what, held[what] ?? NOTHING])), ...named };
  }

  /**
   * Why a complete stage may not be read: what it holds or was made from has changed. Files that settings name are
   * that stage's own to look at.
   */
  async outdated(stage: StageAt, data: StageAt): Promise<string | undefined> {
    const record = await stage.record();
    if (record?.status !== 'complete') return undefined;
    const { contents, inputs, created } = record;
    const held = await this.data(data);
    if (contents !== undefined) {
      const isData = stage.folder === data.folder;
      const now = (await this.look(stage, isData)).contents;
      // What somebody has put into the folder of a stage besides is no part of it.
      const changed = changedContents(contents, now).filter((what) => isData || what in contents);
      if (changed.length > 0) return changedSince(changed, created);
    }
    const read = Object.keys(inputs ?? {}).filter((what) => what in held && held[what] !== inputs?.[what]);
    if (read.length > 0) return changedSince(read, created);
    const stages = await stage.stages();
    const anew = changedContents(stages.before, stages.now).filter((name) => name in stages.now);
    return anew.length === 0 ? undefined : `${anew.join(', ')} made anew since ${created}`;
  }

  /** Looks at what a stage has made, for its record, and keeps the marks. */
  async made(stage: StageAt, isData: boolean): Promise<Contents> {
    // What was there before the user's data were read: a later change is to be seen.
    const ofUser = isData && this.at.root !== undefined;
    const { contents, marks } = ofUser ? await this.look(stage, true) : await this.inventory(stage.folder, isData);
    await writeMarks(join(stage.folder, MARKS_FILE), new Map([...marks, ...this.namedFiles]));
    return contents;
  }

  private look(stage: StageAt, isData: boolean): Promise<Inventory> {
    const look = this.looks.get(stage.folder) ?? this.lookAgain(stage, isData);
    this.looks.set(stage.folder, look);
    return look;
  }

  private async lookAgain(stage: StageAt, isData: boolean): Promise<Inventory> {
    const record = await stage.record();
    const marks = await readMarks(join(stage.folder, MARKS_FILE));
    const inventory = await this.inventory(stage.folder, isData, { contents: record?.contents ?? {}, marks });
    if (record?.status === 'complete') await keepNews(stage, inventory, { ...record, marks }, isData);
    return inventory;
  }

  private async inventory(folder: string, isData: boolean, known?: Inventory): Promise<Inventory> {
    const { signal } = this;
    if (!isData) return stageInventory(folder, { known, signal });
    const { root, layout, splits, frames } = this.at;
    if (root === undefined)
      return wbdcInventory({ root: folder, splits: await splitsIn(folder), frames, known, signal });
    const options = { root: resolve(this.from, root), splits, frames, known, signal };
    return layout === 'aiac' ? aiacInventory(options) : wbdcInventory(options);
  }

  private async files(files: StageReads['files'], { folder }: StageAt): Promise<Contents> {
    const named = Object.entries(files).filter((entry): entry is [string, string] => entry[1] != null);
    if (named.length === 0) return {};
    const paths = Object.fromEntries(
      named.map(([what, path]) => [what, isRemote(path) ? path : resolve(this.from, path)]),
    );
    const known = { contents: {}, marks: await readMarks(join(folder, MARKS_FILE)) };
    const { contents, marks } = await fileInventory(paths, { known, signal: this.signal });
    this.namedFiles = marks;
    return contents;
  }
}

/** The embedded data set has the splits that it was built with, whatever is read of them. */
async function splitsIn(folder: string): Promise<string[]> {
  const annotations = join(folder, 'annotations');
  const names = (await exists(annotations)) ? (await readdir(annotations)).sort() : [];
  return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
}

/**
 * Keeps newer marks of what is still the same, and what the data of a run from before that was kept hold. Marks of
 * anything else would pass it off as what the record says. A run that nobody may write to is looked at anew each time.
 */
async function keepNews(
  { folder, keep }: StageAt,
  { contents, marks }: Inventory,
  before: Pick<KeptContents, 'contents'> & { readonly marks: FileMarks },
  isData: boolean,
): Promise<void> {
  if (before.contents && changedContents(before.contents, contents).length > 0) return;
  const news = [...marks].some(([name, mark]) => before.marks.get(name) !== mark);
  try {
    if (news) await writeMarks(join(folder, MARKS_FILE), new Map([...before.marks, ...marks]));
    if (isData && before.contents === undefined) await keep(contents);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error;
  }
}
