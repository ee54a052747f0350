import { describe, expect, it } from 'vitest';
import { Output, type Terminal } from '../src/core/output.js';
import { measurementLine, progressLine, trainingNote } from '@wbdc/report/progress';
import { waitingSink } from '@wbdc/train';
import { createProgress, progressSink } from '../src/core/progress.js';

class TestTerminal implements Terminal {
  text = '';
  time = 0;
  readonly stdout = { write: () => undefined };
  readonly stderr: Terminal['stderr'];
  readonly folder = '/';
  constructor(
    isTTY = false,
    readonly env: Record<string, string> = {},
  ) {
    this.stderr = { isTTY, columns: 100, write: (text: string) => (this.text += text) };
  }
  readonly now = (): number => this.time;
}

const output = (terminal: Terminal, quiet = false) => new Output(terminal, { json: false, quiet });

describe('plain lines', () => {
  it('come at the start, every ten seconds, and at the end', () => {
    const terminal = new TestTerminal();
    const progress = createProgress(output(terminal), 'videos');
    for (let done = 0; done <= 30; done++) {
      terminal.time = done * 500;
      progress.update(done, 40);
    }
    progress.stop();
    progress.stop();
    expect(terminal.text.split('\n')).toEqual([
      '0/40 videos (0 %)',
      '20/40 videos (50 %), 10 s left',
      '30/40 videos (75 %), 5.0 s left',
      '',
    ]);
  });

  it('estimate from where this process began, not from what an earlier one did', () => {
    const terminal = new TestTerminal();
    const progress = createProgress(output(terminal), 'steps');
    progress.update(900, 1000);
    terminal.time = 10_000;
    progress.update(910, 1000);
    expect(terminal.text).toContain('910/1,000 steps (91 %), 1 min 30 s left');
  });

  it('are what a terminal of a CI gets too', () => {
    const terminal = new TestTerminal(true, { CI: 'true' });
    createProgress(output(terminal), 'steps').update(1, 2);
    expect(terminal.text).toBe('1/2 steps (50 %)\n');
  });

  it('are left out with --quiet', () => {
    const terminal = new TestTerminal();
    const progress = createProgress(output(terminal, true), 'steps');
    progress.update(1, 2);
    progress.log('x');
    progress.stop();
    expect(terminal.text).toBe('');
  });

  it('end with what the caller wants to say', () => {
    expect(progressLine({ done: 1, total: 3, secondsLeft: 61 }, 'steps', 'loss 1')).toBe(
      '1/3 steps (33 %), 1 min 01 s left, loss 1',
    );
    expect(progressLine({ done: 0, total: 0, secondsLeft: NaN }, 'steps')).toBe('0/0 steps (100 %)');
  });
});

describe('progressSink', () => {
  const step = {
    type: 'step',
    step: 7,
    loss: 5.1234,
    learningRate: 1e-4,
    gradNorm: 1,
    metrics: { 'mlm/loss': 3.2, 'mfm/loss': 2, 'mlm/accuracy': 0.5 },
    seconds: 0.1,
    videosPerSecond: 210,
  } as const;
  const evaluation = {
    type: 'evaluation',
    step: 100,
    metrics: { 'mlm/loss': 3, 'mlm/accuracy': 0.3123, 'mlm/accuracy baseline': 0.062 },
    seconds: 1,
  } as const;

  it('shows losses by task, speed, and measurements beside their baselines', () => {
    const terminal = new TestTerminal();
    const sink = progressSink(createProgress(output(terminal), 'steps'), 400);
    void sink.write(step);
    void sink.write(evaluation);
    expect(terminal.text).toBe(
      '7/400 steps (1 %), loss 5.12  mlm 3.20  mfm 2.00  210 videos/s\n' +
        'held out after step 100: mlm accuracy 0.312 (baseline 0.0620)\n',
    );
  });

  it('says when a step waits for its data', () => {
    expect(trainingNote({ ...step, waited: 0.003 })).toBe('loss 5.12  mlm 3.20  mfm 2.00');
    expect(trainingNote({ ...step, waited: 0.03 })).toBe('loss 5.12  mlm 3.20  mfm 2.00  30 % waiting for data');
  });

  it('adds up how long steps waited', () => {
    const sink = waitingSink();
    for (const waited of [0.05, 0, 0.01]) void sink.write({ ...step, waited });
    void sink.write(evaluation);
    expect(sink.share()).toBeCloseTo(0.2);
  });

  it('leaves losses to the report', () => {
    expect(measurementLine({ ...evaluation, metrics: { 'mlm/loss': 3, 'tag/mAP': 0.5 } })).toBe(
      'held out after step 100: tag mAP 0.500',
    );
  });
});
