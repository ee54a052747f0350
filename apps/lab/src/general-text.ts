/** The embedded data with a corpus, by name, and its splits: the definitions near to the videos' texts. */
export const EMBEDDED_CORPORA: Readonly<Record<string, readonly string[]>> = {
  text: ['corpus_near'],
  large: ['corpus_near'],
};

/**
 * All texts of the videos, and a corpus read by masked words and by words that find their definitions, in minutes. Both
 * models have this text side.
 */
export function corpusSettings(splits: readonly string[]): string[] {
  return [
    'vocab={size: 9600, minFrequency: 2}',
    'text={fields: [title, ocr, asr], budget: 48}',
    `corpus={splits: [${splits.join(', ')}], ` +
      'tasks: {mlm: {wholeWord: true, prior: frequency}, ftc: {pooling: mean}}, ' +
      'train: {batchSize: 64, epochs: 8, learningRate: 1.0e-3, rules: [], warmup: 0.05, schedule: cosine, ' +
      'evaluateEvery: 1000, checkpointEvery: 500}}',
  ];
}

/** A text side that has read keeps what it knows where its rate is a tenth of that of the fresh parts. */
export const AFTER_TEXT = ['corpus.start=true', 'train.rules=[{pattern: encoder.bert.**, learningRate: 1.0e-4}]'];
