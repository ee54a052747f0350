import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprintOf } from '@wbdc/pipeline/changes';
import { assertSameSettings, RunFolder, type Opened, type StagePlan } from '../src/run/run-folder.js';

let root: string;
let run: RunFolder;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-run-'));
  run = new RunFolder(join(root, 'a'), 'a', { now: () => new Date('2026-01-02T03:04:05Z') });
});
afterEach(() => rm(root, { recursive: true }));

const FRESH = { resume: false, overwrite: false };
const RESUME = { resume: true, overwrite: false };
const OVERWRITE = { resume: false, overwrite: true };
const plan = (size: number): StagePlan => ({ stage: 'data', settings: { data: { size, kind: 'x' } }, needs: [] });

async function finish(opened: Opened, owner = run): Promise<void> {
  await owner.close(opened, { status: 'complete', seconds: 2, summary: { videos: 7 }, environment: {} });
}

describe('RunFolder', () => {
  it('starts where there is nothing, also with resume', async () => {
    expect(await run.open(plan(1), RESUME)).toMatchObject({ kind: 'start', folder: join(root, 'a', 'data') });
    expect(await run.record('data')).toMatchObject({ status: 'unfinished', created: '2026-01-02T03:04:05.000Z' });
  });

  it('has nothing to do where the stage is complete with the same settings', async () => {
    await finish(await run.open(plan(1), FRESH));
    expect(await run.open(plan(1), FRESH)).toMatchObject({
      kind: 'done',
      record: { summary: { videos: 7 }, seconds: 2 },
    });
    expect(await run.open(plan(1), RESUME)).toMatchObject({ kind: 'done' });
  });

  it('goes on with an unfinished stage only when told to', async () => {
    await run.open(plan(1), FRESH);
    await expect(run.open(plan(1), FRESH)).rejects.toThrow(
      /holds an unfinished data .* add --resume .* or --overwrite/,
    );
    expect(await run.open(plan(1), RESUME)).toMatchObject({ kind: 'resume' });
  });

  it('names the settings that differ', async () => {
    await finish(await run.open(plan(1), FRESH));
    await expect(run.open(plan(2), RESUME)).rejects.toThrow(
      `${join(root, 'a', 'data')} was made with other settings:\n  data.size: there 1, now 2\nchoose another --name`,
    );
  });

  it('renames on overwrite and deletes nothing', async () => {
    const { folder } = await run.open(plan(1), FRESH);
    await writeFile(join(folder, 'precious'), 'gold');
    expect(await run.open(plan(2), OVERWRITE)).toMatchObject({ kind: 'start', movedTo: `${folder}.old-1` });
    expect(await run.open(plan(2), OVERWRITE)).toMatchObject({ movedTo: `${folder}.old-2` });
    expect(await readFile(join(`${folder}.old-1`, 'precious'), 'utf8')).toBe('gold');
  });

  it('does not touch a folder of somebody else', async () => {
    await mkdir(join(root, 'a', 'data'), { recursive: true });
    await writeFile(join(root, 'a', 'data', 'thesis.tex'), '');
    await expect(run.open(plan(1), RESUME)).rejects.toThrow(
      /expected no folder or one that wbdc made .* got 1 files without it/,
    );
  });

  it('says which command makes what is missing or unfinished', async () => {
    const vocab: StagePlan = { stage: 'vocab', settings: {}, needs: ['data'] };
    await expect(run.open(vocab, FRESH)).rejects.toThrow(
      /vocab reads what data made: .* but there is none: run 'npx wbdc data' first/,
    );
    await run.open(plan(1), FRESH);
    await expect(run.open(vocab, FRESH)).rejects.toThrow(/but it is unfinished: run 'npx wbdc data --resume' first/);
  });

  it('sees that an earlier stage was made anew with other settings', async () => {
    const vocab: StagePlan = { stage: 'vocab', settings: {}, needs: ['data'] };
    await finish(await run.open(plan(1), FRESH));
    await finish(await run.open(vocab, FRESH));
    await finish(await run.open(plan(2), OVERWRITE));
    await expect(run.open(vocab, FRESH)).rejects.toThrow(
      /data was made anew since, from other data or with other settings/,
    );
  });

  it('reads stages of the base run where it has none of its own', async () => {
    const other = new RunFolder(join(root, 'b'), 'b', { base: run });
    const vocab: StagePlan = { stage: 'vocab', settings: {}, needs: ['data'] };
    await expect(other.open(vocab, FRESH)).rejects.toThrow(`expected it complete in ${join(root, 'a', 'data')}`);
    await finish(await run.open(plan(1), FRESH));
    expect((await other.needed(vocab)).get('data')?.folder).toBe(join(root, 'a', 'data'));
    expect(await other.open(vocab, FRESH)).toMatchObject({ kind: 'start', folder: join(root, 'b', 'vocab') });
    await finish(await other.open(plan(2), FRESH), other);
    expect((await other.needed(vocab)).get('data')?.folder).toBe(join(root, 'b', 'data'));
  });

  it('reads of several bases the first that has a stage', async () => {
    const base = new RunFolder(join(root, 'b'), 'b', { base: run });
    const other = new RunFolder(join(root, 'c'), 'c', { base });
    const vocab: StagePlan = { stage: 'vocab', settings: {}, needs: ['data'] };
    await expect(other.open(vocab, FRESH)).rejects.toThrow(`expected it complete in ${join(root, 'a', 'data')}`);
    await finish(await run.open(plan(1), FRESH));
    expect((await other.needed(vocab)).get('data')?.folder).toBe(join(root, 'a', 'data'));
    await finish(await base.open(plan(2), FRESH), base);
    expect((await other.needed(vocab)).get('data')?.folder).toBe(join(root, 'b', 'data'));
  });

  it('reports a damaged stage.json', async () => {
    const { folder } = await run.open(plan(1), FRESH);
    await writeFile(join(folder, 'stage.json'), '{');
    await expect(run.open(plan(1), RESUME)).rejects.toThrow(/stage\.json: expected JSON, got a damaged file/);
    expect(await run.open(plan(1), OVERWRITE)).toMatchObject({ kind: 'start' });
  });
});

describe('assertSameSettings', () => {
  const needed = async (settings: StagePlan['settings']) => {
    await finish(await run.open({ stage: 'data', settings, needs: [] }, FRESH));
    return (await run.needed({ stage: 'vocab', needs: ['data'] })).get('data')!;
  };

  it('names what a stage was made with and what the configuration has now', async () => {
    const data = await needed({ seed: 1, data: { imageSize: 64 } });
    expect(() => assertSameSettings(data, { seed: 1, data: { imageSize: 96 } })).toThrow(
      new RegExp(
        'was made with other settings than the configuration has now:\\n {2}data\\.imageSize: there 64, now 96\\n' +
          "use those .* 'npx wbdc data --overwrite'",
      ),
    );
  });

  it('lets trainings with seeds of their own read the same data', async () => {
    const data = await needed({ seed: 1, data: { imageSize: 64 } });
    expect(() => assertSameSettings(data, { seed: 2, data: { imageSize: 64 } })).not.toThrow();
  });
});

describe('fingerprintOf', () => {
  it('depends on values, not on the order of keys or on absent ones', () => {
    expect(fingerprintOf({ a: 1, b: { c: [1, 2], d: undefined } })).toBe(fingerprintOf({ b: { c: [1, 2] }, a: 1 }));
    expect(fingerprintOf({ a: [1, 2] })).not.toBe(fingerprintOf({ a: [2, 1] }));
  });
});

describe('a damaged stage.json', () => {
  it('that a kill left half written is no record, and not in the way', async () => {
    const folder = join(root, 'a', 'data');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'stage.json.0123abcd-4194399-0-0123456789ab.tmp'), '{"st');
    expect((await run.open(plan(1), FRESH)).kind).toBe('start');
  });

  const whole = {
    ...{ stage: 'data', status: 'complete', fingerprint: 'a', settings: {}, upstream: {}, created: '2026' },
    ...{ seconds: 1, summary: {}, environment: {} },
  };
  it.each([
    ['{"stage"', 'expected JSON, got a damaged file'],
    ['', 'expected JSON, got a damaged file'],
    ['null', 'expected the record of a stage, got a damaged one'],
    ['[]', 'expected the record of a stage, got a damaged one'],
    [JSON.stringify({ ...whole, settings: undefined }), 'got a damaged one (settings)'],
    [JSON.stringify({ ...whole, upstream: [1] }), 'got a damaged one (upstream'],
    [JSON.stringify({ ...whole, seconds: 'x' }), 'got a damaged one (seconds)'],
    [`{"settings":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`, 'got a damaged one'],
  ])('is named, with what to do: %.30s', async (text, message) => {
    await run.open(plan(1), FRESH);
    await writeFile(join(root, 'a', 'data', 'stage.json'), text);
    const start = `${join(root, 'a', 'data', 'stage.json')}: `;
    const needs = { stage: 'vocab', needs: ['data'] } as const;
    for (const read of [() => run.open(plan(1), RESUME), () => run.needed(needs)]) {
      const error = await read().then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.name).toBe('UserError');
      expect(error?.message.startsWith(start)).toBe(true);
      expect(error?.message).toContain(message);
      expect(error?.message).toContain('make the stage again with --overwrite');
      expect(error?.message.length).toBeLessThan(1024);
    }
    expect(await run.open(plan(1), OVERWRITE)).toMatchObject({ kind: 'start' });
  });
});
