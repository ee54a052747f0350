import { open, type FileHandle } from 'node:fs/promises';
import { readIfThere } from '@wbdc/io';
import type { FoundVideo } from '@wbdc/video-features';
import { z } from 'zod';
import type { StoredFrames } from './frames.js';

/** A line about a video that was decoded, or could not be. */
export interface Entry {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly modified: number;
  /** By which the video is known again; lines of earlier versions have none. */
  readonly mark?: string;
  readonly decoded?: StoredFrames;
  /** The order of a folder's or zip's pictures; nothing where they follow the characters of their names, as before. */
  readonly frameOrder?: 'natural';
  /** Why it could not be read. */
  readonly error?: string;
}

const count = z.int().min(1);

const entrySchema: z.ZodType<Entry> = z.object({
  id: z.string(),
  name: z.string(),
  bytes: z.number(),
  modified: z.number(),
  mark: z.string().exactOptional(),
  decoded: z
    .object({
      ...{ frames: count, width: count, height: count, seconds: z.number().exactOptional() },
      ...{ hash: z.string(), look: z.string().regex(/^[0-9a-f]*$/) },
    })
    .exactOptional(),
  error: z.string().exactOptional(),
  frameOrder: z.literal('natural').exactOptional(),
});

/**
 * What has been decoded so far, a line of JSON a video, written as soon as it is done: an interrupted run goes on
 * behind the last line, and a later run decodes what is new or has changed.
 */
export class Journal {
  private readonly entries = new Map<string, Entry>();

  private constructor(private readonly file: FileHandle) {}

  static async open(path: string): Promise<Journal> {
    const text = await readIfThere(path);
    const journal = new Journal(await open(path, 'a'));
    for (const line of (text ?? '').split('\n')) journal.remember(line);
    // A torn last line must not spoil the next one.
    if (text !== undefined && text !== '' && !text.endsWith('\n')) await journal.file.write('\n');
    return journal;
  }

  /** What is known of a video that has not changed since; `mark` is what `videoMark` says of it now. */
  get(id: string, { bytes, modified }: FoundVideo, mark: string | undefined): Entry | undefined {
    const entry = this.entries.get(id);
    const same = entry?.bytes === bytes && entry.modified === modified && (entry.mark ?? mark) === mark;
    return same ? entry : undefined;
  }

  async add(entry: Entry): Promise<void> {
    this.entries.set(entry.id, entry);
    await this.file.write(`${JSON.stringify(entry)}\n`);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private remember(line: string): void {
    try {
      const entry = entrySchema.parse(JSON.parse(line));
      this.entries.set(entry.id, entry);
    } catch {
      // An empty line, or one that was torn or damaged: its video is decoded again.
    }
  }
}
