import { describe, expect, it } from 'vitest';
import { parseHistory } from '../src/history.js';
import { measuredText } from '../src/progress.js';
import { renderTrainingReport } from '../src/index.js';

const HEAD = {
  title: 'demo / pretrain',
  lead: 'complete',
  seconds: 125,
  engine: 'ort (2 threads)',
  details: [{ title: 'Configuration', text: 'note: <script>alert(1)</script>' }],
};

const step = (n: number) => ({
  type: 'step',
  step: n,
  loss: 7 / n,
  learningRate: n * 1e-4,
  gradNorm: 1,
  metrics: { 'mlm/loss': 5 / n, 'mfm/loss': 2 / n, 'mlm/accuracy': n / 50 },
  seconds: 0.5,
  videosPerSecond: 211,
});
const evaluation = {
  type: 'evaluation',
  step: 20,
  metrics: { 'mlm/loss': 0.3, 'mlm/accuracy': 0.42, 'mlm/accuracy baseline': 0.07 },
  seconds: 1,
};
const lines = [...Array.from({ length: 20 }, (_, i) => step(i + 1)), evaluation].map((line) => JSON.stringify(line));

describe('parseHistory', () => {
  it('reads steps and measurements, and skips a torn last line', () => {
    const history = parseHistory(`${lines.join('\n')}\n{"type":"step","st`);
    expect(history.training).toHaveLength(20);
    expect(history.measurements).toEqual([
      { step: 20, values: { 'mlm/loss': { value: 0.3 }, 'mlm/accuracy': { value: 0.42, baseline: 0.07 } } },
    ]);
  });
});

describe('renderTrainingReport', () => {
  const html = renderTrainingReport(parseHistory(lines.join('\n')), HEAD);

  it('shows every curve as an SVG of its own', () => {
    const titles = [...html.matchAll(/<figcaption><span>([^<]*)<\/span>/g)].map((match) => match[1]);
    expect(titles).toEqual([
      'total',
      'mlm',
      'mfm',
      'mlm accuracy',
      'mlm accuracy',
      'gradient norm',
      'learning rate',
      'videos/s',
    ]);
    expect(html.match(/<svg /g)).toHaveLength(titles.length);
  });

  it('puts results beside their baselines', () => {
    expect(html).toContain('<tr><th>mlm accuracy</th><td>0.420</td><td>0.0700</td><td>6.00 x</td></tr>');
  });

  it('names the strongest of several baselines, and says where the model is below it', () => {
    const metrics = {
      spearman: 0.6,
      'spearman baseline': 0.68,
      'spearman baseline: TF-IDF, all texts': 0.68,
      'spearman baseline: TF-IDF, titles': 0.55,
    };
    const page = renderTrainingReport(parseHistory(JSON.stringify({ ...evaluation, metrics })), HEAD);
    expect(page).toContain(
      '<tr><th>spearman</th><td>0.600</td><td>0.680 (TF-IDF, all texts)</td><td>0.882 x BELOW</td></tr>',
    );
    expect(page).toContain('<tr><th>TF-IDF, titles</th><td>0.550</td></tr>');
    expect(measuredText(metrics)).toBe('spearman 0.600 (BELOW the baseline 0.680: TF-IDF, all texts)');
  });

  it('stands alone: no script, nothing from elsewhere, text escaped', () => {
    expect(html).not.toMatch(/<script|<link|src=|@import|https?:\/\/(?!www\.w3\.org)/);
    expect(html).toContain('&#60;script&#62;alert');
  });

  it('follows light and dark', () => {
    expect(html).toContain('prefers-color-scheme: dark');
    expect(html).toContain('stroke="var(--main)"');
  });

  it('is a page also before the first step', () => {
    expect(renderTrainingReport({ training: [], measurements: [] }, HEAD)).toContain('demo / pretrain');
  });
});
