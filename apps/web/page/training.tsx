import { useState } from 'preact/hooks';
import { messageOf } from './message.js';
import type { Accuracy, Demo } from './demo.js';
import type { Words } from './words.js';

interface TrainingProps {
  readonly demo: Demo;
  readonly t: Words;
  /** Another model tells the categories from now on. */
  readonly onTrained: () => void;
}

/** What a training in the page has told so far. */
function useTraining({ demo, t, onTrained }: TrainingProps) {
  const [losses, setLosses] = useState<readonly number[]>([]);
  const [status, setStatus] = useState('');
  const [reached, setReached] = useState<readonly (readonly [string, Accuracy])[]>([]);
  const [running, setRunning] = useState<AbortController>();
  const run = async (steps: number, learningRate: number): Promise<void> => {
    const told: number[] = [];
    const ending = new AbortController();
    setRunning(ending);
    setLosses([]);
    try {
      setStatus(t.measuring);
      const before = await demo.measure();
      await demo.train({
        ...{ steps, learningRate, signal: ending.signal },
        onStep: ({ step, loss, videosPerSecond = 0 }) => {
          told.push(loss);
          setLosses([...told]);
          setStatus(t.step(step, steps, loss.toFixed(3), videosPerSecond.toFixed(0)));
        },
      });
      setStatus(t.measuring);
      const after = await demo.measure();
      setReached([...(before ? [[t.before, before] as const] : []), ...(after ? [[t.after, after] as const] : [])]);
      setStatus(t.trained(told.length));
      onTrained();
    } catch (error) {
      setStatus(messageOf(error));
    } finally {
      setRunning(undefined);
    }
  };
  return { losses, status, reached, running, run };
}

/** Finetunes the pretrained model in the page, with its curve and what it reached. */
export function Training(props: TrainingProps) {
  const { demo, t } = props;
  const { losses, status, reached, running, run } = useTraining(props);
  const learning = demo.site.videos.filter(({ category, heldOut }) => category !== undefined && !heldOut).length;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (running !== undefined) return;
    const given = new FormData(event.currentTarget as HTMLFormElement);
    void run(Number(given.get('steps')), Number(given.get('rate')));
  };
  return (
    <section class="training">
      <h2>{t.train}</h2>
      <p>{t.trainAbout(learning)}</p>
      <form onSubmit={submit}>
        <label>
          {t.steps}
          <input name="steps" type="number" min={1} max={5000} step={1} value={300} required />
        </label>
        <label>
          {t.rate}
          <input name="rate" type="number" min={0.00001} max={0.1} step="any" value={0.001} required />
        </label>
        {running ? (
          <button type="button" onClick={() => running.abort()}>
            {t.stop}
          </button>
        ) : (
          <button type="submit">{t.start}</button>
        )}
      </form>
      <p role="status">{status}</p>
      {losses.length > 1 && <Curve values={losses} t={t} />}
      <ul class="reached">
        {reached.map(([when, { model, mostFrequent, videos }]) => (
          <li key={when}>
            <strong>{when}</strong> {t.accuracy(percent(model), percent(mostFrequent), videos)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

const [WIDTH, HEIGHT] = [640, 180];

/** The loss of each step, and its mean over the last twentieth of them. */
function Curve({ values, t }: { values: readonly number[]; t: Words }) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (i: number): number => (i / (values.length - 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - ((value - low) / (high - low || 1)) * HEIGHT;
  const points = (row: readonly number[]): string => {
    return row.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  };
  const label = t.curve(values[0].toFixed(3), values[values.length - 1].toFixed(3));
  return (
    <figure data-losses={values.join(' ')}>
      <figcaption>{t.loss}</figcaption>
      <svg viewBox={`-4 -8 ${WIDTH + 8} ${HEIGHT + 16}`} role="img" aria-label={label}>
        <polyline class="raw" points={points(values)} />
        <polyline class="smooth" points={points(smoothed(values))} />
      </svg>
      <span class="scale">
        <span>{high.toFixed(2)}</span>
        <span>{low.toFixed(2)}</span>
      </span>
    </figure>
  );
}

function smoothed(values: readonly number[]): number[] {
  const span = Math.max(1, Math.round(values.length / 20));
  return values.map((_, i) => {
    const window = values.slice(Math.max(0, i - span + 1), i + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}
