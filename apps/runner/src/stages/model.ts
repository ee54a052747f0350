import { lxmertModel, type LxmertModel } from '@wbdc/lxmert-model';
import type { BertConfig, Encoder } from '@wbdc/nn';
import {
  chineseWords,
  ftc,
  ftm,
  mfm,
  mlm,
  mmm,
  tag,
  type Plan,
  type Task,
  type WeightedTask,
} from '@wbdc/pretrain-tasks';
import type { Tokenizer } from '@wbdc/tokenizer';
import { uniModel, type UniModel } from '@wbdc/uni-model';
import type { Config, TaskName } from '../config/schema.js';

export type VideoTextParams = UniModel | LxmertModel;

/** The encoder of a configuration. */
export function encoderOf({ model, frames }: Config, vocabSize: number, frameSize: number): Encoder<VideoTextParams> {
  const sizes = { ...bertSizesOf(model, vocabSize), frameSize, maxFrames: frames.limit };
  if (model.kind === 'uni-model') return uniModel({ ...sizes, frameSegment: 0 });
  const { videoLayers, crossLayers } = model;
  return lxmertModel({ ...sizes, videoLayers, crossLayers, videoActivation: 'erf' });
}

/** The sizes of the text's BERT, which both models have at `encoder.bert`. */
export function bertSizesOf(model: Config['model'], vocabSize: number): BertConfig {
  return {
    vocabSize,
    hiddenSize: model.width,
    layers: model.layers,
    heads: model.heads,
    intermediateSize: model.intermediate ?? 4 * model.width,
    maxPositions: model.maxPositions,
    segments: 2,
    dropout: model.dropout,
  };
}

/** Videos are exchanged before anything is masked, so that targets follow the frames. */
const ORDER: readonly TaskName[] = ['ftm', 'mlm', 'mfm', 'mmm', 'ftc', 'tag'];

/** The plan of a configuration: tasks of the same view share one corrupted batch. */
export function planOf({ tasks, views }: Config, tokenizer: Tokenizer, tagCount: number): Plan {
  const made = tasksOf(tasks, tokenizer, tagCount);
  const byView = new Map<string, WeightedTask[]>();
  for (const name of ORDER) {
    const settings = tasks[name];
    const task = made[name]?.();
    if (!settings || !task || settings.weight === 0) continue;
    byView.set(settings.view, [...(byView.get(settings.view) ?? []), { task, weight: settings.weight }]);
  }
  return [...byView].map(([name, weighted]) => {
    const share = views[name]?.share ?? 1;
    return share === 1 ? { tasks: weighted } : { tasks: weighted, share };
  });
}

function tasksOf(
  tasks: Config['tasks'],
  tokenizer: Tokenizer,
  tagCount: number,
): Record<TaskName, () => Task | undefined> {
  const { special, vocabSize, vocab } = tokenizer;
  const masking = { mask: special.mask, special: Object.values(special) };
  return {
    ftm: () => tasks.ftm && ftm(tasks.ftm),
    mlm: () => {
      if (!tasks.mlm) return undefined;
      const { probability, fields, wholeWord } = tasks.mlm;
      const optional = { ...(fields && { fields }), ...(wholeWord && { words: chineseWords(vocab) }) };
      return mlm({ ...masking, vocabSize, probability, ...optional });
    },
    mfm: () => tasks.mfm && mfm(tasks.mfm),
    mmm: () => tasks.mmm && mmm({ ...masking, ...tasks.mmm }),
    ftc: () => {
      if (!tasks.ftc) return undefined;
      return ftc({ separator: special.sep, field: tasks.ftc.field, temperature: tasks.ftc.temperature ?? 'learned' });
    },
    tag: () => tasks.tag && tag({ tagCount }),
  } as Record<TaskName, () => Task | undefined>;
}
