import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type ConfigRequest } from '../../src/config/load.js';
import { WbdcError } from '@wbdc/io/errors';
import { exitCodeOf, UserError } from '../../src/core/errors.js';

const ENGINES = "'auto', 'ort', 'cpu', 'tensorflow', 'webgpu'";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-config-'))));
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
const load = (request: Partial<ConfigRequest> = {}) => loadConfig({ path: 'a.yaml', folder, ...request });

async function problems(yaml: string, request: Partial<ConfigRequest> = {}): Promise<string[]> {
  await write('a.yaml', yaml);
  const error = await load(request).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error instanceof UserError || error instanceof WbdcError).toBe(true);
  return (error as Error).message.split('\n').map((line) => line.trim());
}

describe('loadConfig', () => {
  it('fills in defaults', async () => {
    const config = await loadConfig({ folder });
    expect(config.model).toEqual({
      kind: 'uni-model',
      width: 768,
      layers: 12,
      heads: 12,
      intermediate: null,
      dropout: 0.1,
      maxPositions: 512,
      videoLayers: 6,
      videoNorm: 'pre',
      videoActivation: 'erf',
      crossLayers: 3,
      recompute: false,
    });
    expect(config.tasks.mlm).toMatchObject({ weight: 1, probability: 0.15, view: 'masked' });
    expect(config.clip.framesPerVideo).toBe(4);
  });

  it('reports an empty file as all defaults', async () => {
    await write('a.yaml', '# nothing\n');
    expect(await load()).toEqual(await loadConfig({ folder }));
  });

  it('names the nearest key, with line and column', async () => {
    expect(await problems('model:\n  layrs: 4\n')).toEqual([
      'the configuration has a problem:',
      "a.yaml:2:3: model.layrs: unknown setting; did you mean 'layers'?",
    ]);
  });

  it('lists the known keys where none is near', async () => {
    expect(await problems('run: { xyzzyplugh: 4 }\n')).toContain(
      'a.yaml:1:8: run.xyzzyplugh: unknown setting; known here: name, folder, base',
    );
  });

  it('reports all problems at once', async () => {
    const yaml =
      'seed: -1\nmodel:\n  width: big\n  dropout: 1\nengine: orc\nnonsense: 1\ntrain:\n  rules: [{pattern: "", ' +
      'lr: 1}]\n';
    expect(await problems(yaml)).toEqual([
      'the configuration has 7 problems:',
      'a.yaml:1:7: seed: expected a number at least 0, got -1',
      `a.yaml:5:9: engine: expected one of ${ENGINES}, got the text 'orc'; did you mean 'ort'?`,
      "a.yaml:3:10: model.width: expected a number, got the text 'big'",
      'a.yaml:4:12: model.dropout: expected a number below 1, got 1',
      "a.yaml:8:21: train.rules.0.pattern: expected a text that is not empty, got the text ''",
      expect.stringMatching(/^a\.yaml:8:25: train\.rules\.0\.lr: unknown setting; known here: pattern, learningRate/),
      expect.stringMatching(/^a\.yaml:6:1: nonsense: unknown setting; known here: run, seed/),
    ]);
  });

  it.each([
    ['train: { epochs: 1.5 }', 'a.yaml:1:18: train.epochs: expected a whole number, got 1.5'],
    ['train: { epochs: }', 'a.yaml:1:18: train.epochs: expected a number, got nothing (null)'],
    ['model: 3', 'a.yaml:1:8: model: expected a group of settings, got 3'],
    ['text: { fields: title }', "a.yaml:1:17: text.fields: expected a list, got the text 'title'"],
    ['text: { fields: [] }', 'a.yaml:1:17: text.fields: expected at least 1 entry, got 0'],
    ['text: { separatorFirst: 1 }', 'a.yaml:1:25: text.separatorFirst: expected true or false, got 1'],
    [
      'run: { name: a/b }',
      'a.yaml:1:14: run.name: expected a folder name of letters, digits, dots, dashes and underscores, got the ' +
        "text 'a/b'",
    ],
    ['run: { base: 7 }', 'a.yaml:1:14: run.base: expected a text or a list, got 7'],
    ['run: { base: [a, 7] }', 'a.yaml:1:14: run.base: expected a text or a text at 1, got a list of 2'],
    [
      'train: { evaluateEvery: often }',
      "a.yaml:1:25: train.evaluateEvery: expected a number or 'epoch', got the text 'often'",
    ],
    ['model: { width: 10, heads: 4 }', 'a.yaml:1:28: model.heads: expected a divisor of width (10), got 4'],
    ['text: { budget: 600 }', 'a.yaml:1:17: text.budget: expected at most model.maxPositions (512), got 600'],
    [
      'tasks: { mlm: null, mfm: null, tag: null }',
      'a.yaml:1:8: tasks: expected at least one task with a weight above 0',
    ],
    [
      'data: { heldOutSplits: [labeled] }',
      "a.yaml:1:24: data.heldOutSplits: expected none of data.trainSplits, got 'labeled' in both: measuring on " +
        'what was learned proves nothing',
    ],
  ])('explains %s', async (yaml, message) => {
    expect(await problems(yaml)).toEqual(['the configuration has a problem:', message]);
  });

  it('reports broken YAML with its place', async () => {
    const [head, line] = await problems('model: { width: 3\nseed: 1\n');
    expect(head).toBe('the configuration is not valid YAML:');
    expect(line).toMatch(/^a\.yaml:\d+:\d+: /);
  });

  it('refuses a key given twice', async () => {
    expect(await problems('seed: 1\nseed: 2\n')).toContain('a.yaml:2:1: Map keys must be unique');
  });
});

describe('extends', () => {
  it('lays a file on its base, mappings key by key, lists whole', async () => {
    await write('base.yaml', 'seed: 3\nmodel: { width: 24, heads: 3 }\ntext: { fields: [title, ocr] }\n');
    await write('a.yaml', 'extends: ./base.yaml\nmodel: { heads: 2 }\ntext: { fields: [asr] }\ntasks: { mfm: null }\n');
    const config = await load();
    expect(config).toMatchObject({
      seed: 3,
      model: { width: 24, heads: 2 },
      text: { fields: ['asr'] },
      tasks: { mfm: null },
    });
  });

  it('starts relative paths at the file that names them, and blames the right file', async () => {
    await write('base.yaml', '\nmodel: { layrs: 3 }\n');
    expect(await problems('extends: base.yaml\nseed: x\n')).toEqual([
      'the configuration has 2 problems:',
      "a.yaml:2:7: seed: expected a number, got the text 'x'",
      "base.yaml:2:10: model.layrs: unknown setting; did you mean 'layers'?",
    ]);
  });

  it('refuses a circle', async () => {
    await write('b.yaml', 'extends: a.yaml\n');
    const [message] = await problems('extends: b.yaml\n');
    expect(message).toMatch(
      /^the configurations extend one another in a circle: .*a\.yaml -> .*b\.yaml -> .*a\.yaml: remove one 'extends'$/,
    );
  });

  it('says who asked for a file that is not there', async () => {
    expect(await problems('extends: none.yaml\n')).toEqual([
      `'extends' in a.yaml: expected a YAML file at ${join(folder, 'none.yaml')}, but there is none`,
    ]);
    await expect(load({ path: 'b.yaml' })).rejects.toThrow(
      `--config: expected a YAML file at ${join(folder, 'b.yaml')}, but there is none`,
    );
  });
});

describe('--set', () => {
  it('types values as YAML does and wins over the file', async () => {
    await write('a.yaml', 'model: { width: 24, heads: 3 }\ntrain: { rules: [{ pattern: "a" }] }\n');
    const set = [
      'model.heads=2',
      'run.name="7"',
      'text.fields=[title]',
      'tasks.tag=null',
      'train.rules.0.learningRate=5e-5',
    ];
    expect(await load({ set })).toMatchObject({
      model: { width: 24, heads: 2 },
      run: { name: '7' },
      text: { fields: ['title'] },
      tasks: { tag: null },
      train: { rules: [{ pattern: 'a', learningRate: 5e-5 }] },
    });
  });

  it('is checked like the file, and the message names the flag', async () => {
    const request = {
      set: ['model.layrs=4', 'seed=abc'],
      flags: [{ option: '--engine gpu', path: ['engine'], value: 'gpu' }],
    };
    expect(await problems('{}', request)).toEqual([
      'the configuration has 3 problems:',
      "--set seed=abc: seed: expected a number, got the text 'abc'",
      `--engine gpu: engine: expected one of ${ENGINES}, got the text 'gpu'; did you mean 'cpu'?`,
      "--set model.layrs=4: model.layrs: unknown setting; did you mean 'layers'?",
    ]);
  });

  it.each(['model.layers', '=3', 'model..layers=3', '.a=1'])('refuses %s', async (assignment) => {
    const error = await loadConfig({ folder, set: [assignment] }).catch((reason: unknown) => reason);
    expect((error as UserError).message).toMatch(/expected the form --set section\.key=value/);
    expect(exitCodeOf(error)).toBe(2);
  });

  it('refuses a place outside a list and a value that is not YAML', async () => {
    await write('a.yaml', 'train: { rules: [] }\n');
    await expect(load({ set: ['train.rules.3.pattern=a'] })).rejects.toThrow(
      "expected a place in a list of 0 (0 to 0), got '3'",
    );
    await expect(load({ set: ['run.name={'] })).rejects.toThrow(
      /--set run\.name=\{: expected a value that is valid YAML/,
    );
  });
});

describe('aliases', () => {
  it('stand for what they name', async () => {
    await write('a.yaml', 'tasks: { mlm: &both { weight: 2 }, mfm: *both }');
    const { tasks } = await load();
    expect([tasks.mlm?.weight, tasks.mfm?.weight]).toEqual([2, 2]);
  });

  it('of aliases are refused before they fill the memory', async () => {
    const list = (of: string): string => Array.from({ length: 9 }, () => of).join(',');
    const lines = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${list(`*a${i}`)}]`);
    const [problem] = await problems([`a0: &a0 [${list('x')}]`, ...lines].join('\n'));
    expect(problem).toMatch(/^a\.yaml:\d+:\d+: expected at most 100000 settings, got more: do not nest aliases/);
  });

  it('of what has no name are refused: a task is not left out by a slip', async () => {
    expect(await problems('tasks:\n  mfm: *typo')).toEqual([
      'a.yaml:2:8: expected an alias (*name) of something that is named before it (&name), got *typo, which nothing is',
    ]);
    expect(await problems('seed: 1\n---\nseed: 2')).toContain('a.yaml:2:1: a second document (---); expected one');
  });

  it('of what they stand in are refused', async () => {
    expect(await problems('train: &a { epochs: 3, rules: [*a] }')).toEqual([
      'a.yaml:1:11: expected an alias (*name) of something before it, got one of what it stands in',
    ]);
  });
});

it.each(['['.repeat(50_000), `${'['.repeat(200)}${']'.repeat(200)}`, `{a: ${'['.repeat(20_000)}`])(
  'lists in lists without end are refused (%#)',
  async (text) => expect((await problems(`model: ${text}`)).join()).toMatch(/at most 100 deep|not valid YAML/),
);

it.each(['b\\0.yaml', 'b'.repeat(5000)])('no path is told as such (%#)', async (path) => {
  await write('a.yaml', `extends: "${path}"`);
  await expect(load()).rejects.toThrow(/expected a YAML file at /);
});

it('mistakes without end are told by the first of them', async () => {
  const lines = await problems(`model: ${'a: '.repeat(5000)}\n`);
  expect(lines[0]).toBe('the configuration is not valid YAML:');
  expect(lines[1]).toMatch(/^a\.yaml:1:\d+: /);
  expect(lines.at(-1)).toMatch(/^and \d+ more$/);
  expect(lines.join('\n').length).toBeLessThan(1024);
});
