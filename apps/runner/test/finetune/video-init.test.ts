import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clipVision, type ClipVisionConfig } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { disposeTree, randomKey } from '@wbdc/nn';
import { findCheckpoint } from '@wbdc/train/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StageContext } from '../../src/run/stage.js';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { runPretrainStage } from '../../src/stages/pretrain.js';
import { makeWorld, type World } from './world.js';

/** As wide as the text: what a ViT-base and a BERT-base are to each other. */
const TOWER: ClipVisionConfig = {
  ...{ imageSize: 8, patchSize: 4, width: 6, layers: 2, heads: 2, intermediateSize: 24 },
  activation: 'quick',
};
const MODEL =
  'model={kind: lxmert-model, width: 6, layers: 1, heads: 2, maxPositions: 16, videoLayers: 2, crossLayers: 1, ' +
  'videoActivation: quick, videoInit: tower}';

let world: World;
let tower: ReadonlyMap<string, readonly number[]>;
beforeAll(async () => {
  world = await makeWorld();
  const params = clipVision(TOWER).init(randomKey(11));
  await saveClipVision(join(world.folder, 'tower'), params, TOWER);
  disposeTree(params);
  tower = await weightsIn(join(world.folder, 'tower/model.safetensors'));
});
afterAll(() => world.remove());

async function weightsIn(path: string): Promise<Map<string, readonly number[]>> {
  const file = await openSafetensors(path);
  const weights = new Map<string, readonly number[]>();
  for (const name of file.tensors.keys()) weights.set(name, [...(await file.read(name)).data]);
  await file.close();
  return weights;
}

/** Of a double stream's video side, the first normalisation of its layers. */
async function videoLayers(path: string): Promise<(readonly number[] | undefined)[]> {
  const weights = await weightsIn(path);
  const names = [...weights.keys()].filter((name) => /encoder\.video\.layers\.\d\.attention\.output\.bias$/.test(name));
  return names.sort().map((name) => weights.get(name));
}

/** The same in the names of the tower. */
function towerLayers(): (readonly number[] | undefined)[] {
  const names = [...tower.keys()].filter((name) => /layers\.\d\.self_attn\.out_proj\.bias$/.test(name));
  return names.sort().map((name) => tower.get(name));
}

async function losses(context: StageContext): Promise<number[]> {
  const lines = (await readFile(join(context.folder, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { type: string; loss: number })
    .flatMap(({ type, loss }) => (type === 'step' ? [loss] : []));
}

describe('a double stream whose video side starts from a vision tower', () => {
  it('is finetuned: frozen it keeps the weights, else they learn', async () => {
    expect(towerLayers()).toHaveLength(2);
    const frozen = await world.context('frozen', [MODEL, 'finetune.freeze=["encoder.video.layers.**"]']);
    await runFinetuneStage(frozen);
    expect(await videoLayers(join(frozen.folder, 'model/model.safetensors'))).toEqual(towerLayers());
    expect(world.said.join('')).toMatch(/loaded +video\.layers\.\{0-1\}\.attention/);
    const learning = await world.context('learning', [MODEL]);
    await runFinetuneStage(learning);
    const learned = await videoLayers(join(learning.folder, 'model/model.safetensors'));
    expect(learned).toHaveLength(2);
    learned.forEach((layer, i) => expect(layer).not.toEqual(towerLayers()[i]));
    // A step or five at 0.01 do not lead far away: it has started there.
    learned.forEach((layer, i) => layer!.forEach((value, k) => expect(value).toBeCloseTo(towerLayers()[i]![k], 0)));
    for (const loss of await losses(learning)) expect(loss).toBeLessThan(20);
  });

  it('is pretrained', async () => {
    const context = await world.context('pretrain', [
      MODEL,
      'tasks={mlm: {}, mfm: {}, tag: null}',
      'train={batchSize: 8, epochs: 1, learningRate: 0.01}',
      'train.rules=[{pattern: "encoder.video.layers.**", frozen: true}]',
    ]);
    const { status } = await runPretrainStage(context);
    expect(status).toBe('complete');
    const checkpoint = await findCheckpoint(join(context.folder, 'checkpoints'));
    expect(await videoLayers(join(checkpoint, 'model.safetensors'))).toEqual(towerLayers());
    for (const loss of await losses(context)) expect(Number.isFinite(loss)).toBe(true);
  });
});
