import { useEffect, useRef } from 'preact/hooks';
import type { TrainedInput } from '@wbdc/pipeline';
import type { Pixels } from '@wbdc/video-features/web';
import type { SiteCategory } from '../src/site.js';
import type { Answer, Neighbour, Probable } from './demo.js';
import type { Language, Words } from './words.js';

/** What was looked at: a video of the collection, or decoded frames. */
export interface Subject {
  readonly input: TrainedInput;
  readonly id?: string;
  readonly picture?: string;
  readonly frames?: readonly Pixels[];
}

interface ResultsProps {
  readonly subject: Subject;
  readonly answer: Answer;
  readonly categories: Readonly<Record<string, SiteCategory>>;
  readonly t: Words;
  readonly language: Language;
  readonly onVideo: (id: string) => void;
}

export function Results({ subject, answer, categories, t, language, onVideo }: ResultsProps) {
  const nameOf = (id: string): string => {
    const names = categories[id];
    if (names === undefined) return id;
    const { group, subgroup } = names;
    return group[language] === subgroup[language] ? group[language] : `${group[language]} / ${subgroup[language]}`;
  };
  return (
    <section class="results">
      <div class="subject">
        {subject.frames ? (
          <Frame pixels={subject.frames[0]} label={t.yours} />
        ) : (
          <img src={subject.picture} alt="" width={160} height={160} />
        )}
        <h2>{subject.input.title || t.yours}</h2>
        {subject.frames && <small>{t.frames(subject.frames.length)}</small>}
      </div>
      <div>
        <h2>{t.categories}</h2>
        {answer.categories ? <Bars rows={answer.categories} nameOf={nameOf} /> : <p>{t.noCategories}</p>}
      </div>
      <div>
        <h2>{t.tags}</h2>
        <Bars rows={answer.tags} nameOf={(tag) => `#${tag}`} />
      </div>
      <div class="near">
        <h2>{t.near}</h2>
        <ul class="wall">
          {answer.near.map((near) => (
            <Near key={near.video.id} near={near} t={t} nameOf={nameOf} onVideo={onVideo} />
          ))}
        </ul>
      </div>
    </section>
  );
}

interface NearProps {
  readonly near: Neighbour;
  readonly t: Words;
  readonly nameOf: (category: string) => string;
  readonly onVideo: (id: string) => void;
}

function Near({ near: { video, score }, t, nameOf, onVideo }: NearProps) {
  return (
    <li class="card" data-name={video.id} data-value={score}>
      <button type="button" aria-label={t.showLike(video.title)} onClick={() => onVideo(video.id)}>
        <img src={video.picture} alt="" width={96} height={96} loading="lazy" />
      </button>
      <h3>{video.title}</h3>
      <small>
        {video.category !== undefined && <>{nameOf(video.category)} · </>}
        {t.cosine} {score.toFixed(3)}
      </small>
    </li>
  );
}

/** Probabilities as bars and as numbers. */
function Bars({ rows, nameOf }: { rows: readonly Probable[]; nameOf: (name: string) => string }) {
  return (
    <ol class="bars">
      {rows.map(({ name, probability }) => (
        <li key={name} data-name={name} data-value={probability}>
          <span>{nameOf(name)}</span>
          <meter min={0} max={1} value={probability} aria-label={nameOf(name)} />
          <span class="number">{(100 * probability).toFixed(1)} %</span>
        </li>
      ))}
    </ol>
  );
}

/** A decoded frame as it is. */
function Frame({ pixels, label }: { pixels: Pixels; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, data } = pixels;
  useEffect(() => {
    const image = new ImageData(new Uint8ClampedArray(data), width, height);
    canvas.current?.getContext('2d')?.putImageData(image, 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} width={width} height={height} role="img" aria-label={label} />;
}
