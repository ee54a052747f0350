import { useEffect, useState } from 'preact/hooks';
import { explain, sourceOf, type Explanation, type Hit, type Search, type Weight } from './api.js';
import { needlesOf, piecesOf } from './highlight.js';
import type { Words } from './words.js';

interface CardProps {
  readonly hit: Hit;
  readonly search: Search;
  readonly t: Words;
  readonly onMore: (hit: Hit) => void;
  readonly onEdit: (hit: Hit) => void;
}

/** A video on the wall: its picture, which plays while it is pointed at or has the focus. */
export function Card({ hit, search, t, onMore, onEdit }: CardProps) {
  const [playing, setPlaying] = useState(false);
  const [open, setOpen] = useState(false);
  const picture = useSource(hit.id, 'thumbnail', true);
  const file = useSource(hit.id, 'media', playing && hit.plays !== undefined);
  const title = hit.title || t.untitled;
  const stop = () => setPlaying(false);
  const start = () => setPlaying(true);
  const startUnlessCalm = () => setPlaying(!matchMedia('(prefers-reduced-motion: reduce)').matches);
  return (
    <li class="card">
      <button
        type="button"
        class={hit.plays === undefined ? 'screen' : 'screen plays'}
        aria-label={t.play(title)}
        onMouseEnter={startUnlessCalm}
        onMouseLeave={stop}
        onFocus={startUnlessCalm}
        onBlur={stop}
        onClick={start}
      >
        <Screen picture={picture} file={file} plays={hit.plays} />
      </button>
      <div class="about">
        <h2>{title}</h2>
        <ul class="labels">
          {hit.categories.map((name) => (
            <li key={name}>{name}</li>
          ))}
          {hit.tags.map((name) => (
            <li key={`#${name}`} class="tag">
              #{name}
            </li>
          ))}
        </ul>
        <div class="actions">
          <button type="button" onClick={() => onMore(hit)}>
            {t.more}
          </button>
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t.why}
          </button>
          <button type="button" onClick={() => onEdit(hit)}>
            {t.edit}
          </button>
        </div>
        {open && <Why hit={hit} search={search} t={t} />}
      </div>
    </li>
  );
}

interface ScreenProps {
  readonly picture: string | undefined;
  readonly file: string | undefined;
  readonly plays: Hit['plays'];
}

function Screen({ picture, file, plays }: ScreenProps) {
  if (file !== undefined && plays === 'video') return <video src={file} muted autoplay loop playsInline />;
  const source = file ?? picture;
  return source === undefined ? <span class="blank" /> : <img src={source} alt="" loading="lazy" />;
}

/** Where something of a video is, once it is wanted; undefined where there is none. */
function useSource(id: string, what: 'thumbnail' | 'media', wanted: boolean): string | undefined {
  const [source, setSource] = useState<string>();
  useEffect(() => {
    setSource(undefined);
    if (!wanted) return;
    let left = false;
    let made: string | undefined;
    sourceOf(id, what).then(
      (found) => {
        made = found;
        if (!left) setSource(found);
      },
      () => undefined,
    );
    return () => {
      left = true;
      if (made?.startsWith('blob:')) URL.revokeObjectURL(made);
    };
  }, [id, what, wanted]);
  return source;
}

/** Why a video was found: the words that match, its ranks, its frames, and what each word of its title adds. */
function Why({ hit, search, t }: { hit: Hit; search: Search; t: Words }) {
  const [explanation, setExplanation] = useState<Explanation>();
  useEffect(() => {
    if (search.file === undefined) explain(hit.id, search).then(setExplanation, () => undefined);
  }, [hit.id, search]);
  const needles = needlesOf(search.words ?? '');
  const texts = [hit.title, hit.ocr, hit.asr].filter((text) => piecesOf(text, needles).some(({ matches }) => matches));
  const ranks = Object.entries(hit.ranks).map(
    ([name, { rank }]) => `${name === 'words' ? t.byWords : t.byMeaning} ${rank}`,
  );
  return (
    <div class="why">
      <h3>{t.ranks}</h3>
      <p>{ranks.join(' · ')}</p>
      {texts.length > 0 && <h3>{t.matched}</h3>}
      {texts.map((text) => (
        <p key={text}>
          {piecesOf(text.slice(0, 400), needles).map((piece, i) =>
            piece.matches ? <mark key={i}>{piece.text}</mark> : piece.text,
          )}
        </p>
      ))}
      {explanation && (
        <>
          <h3>{t.frames}</h3>
          {explanation.frames ? <Bars values={explanation.frames} /> : <p>{t.noFrames}</p>}
          <Weights title={t.askedWeights} weights={explanation.asked ?? []} />
          <Weights title={t.weights} weights={explanation.words} />
          {explanation.attention && <Looked attention={explanation.attention} t={t} />}
        </>
      )}
    </div>
  );
}

/** Words with what each adds. */
function Weights({ title, weights }: { title: string; weights: readonly Weight[] }) {
  if (weights.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="weights">
        {weights.map(({ text, weight }, i) => (
          <li key={i}>
            {text}{' '}
            <span>
              {weight >= 0 ? '+' : '−'}
              {Math.abs(weight).toFixed(3)}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Tokens that are shown, those with the largest shares. */
const MOST_TOKENS = 24;
/** Shades of a share, from none to the largest. */
const SHADES = 4;

/** What the model has looked at: tokens in their order, darker for more, and the frames together. */
function Looked({ attention: { tokens, frames }, t }: { attention: NonNullable<Explanation['attention']>; t: Words }) {
  const shown = new Set([...tokens.keys()].sort((a, b) => tokens[b].share - tokens[a].share).slice(0, MOST_TOKENS));
  const largest = Math.max(...tokens.map(({ share }) => share));
  const shadeOf = (share: number): string => `shade-${Math.round((SHADES * share) / largest)}`;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return (
    <>
      <h3>{t.looked}</h3>
      <ul class="weights looked">
        {tokens.flatMap(({ text, share }, i) =>
          shown.has(i)
            ? [
                <li key={i} class={shadeOf(share)}>
                  {text} <span>{percent(share)}</span>
                </li>,
              ]
            : [],
        )}
        {frames.length > 0 && (
          <li>
            {t.allFrames} <span>{percent(frames.reduce((sum, share) => sum + share, 0))}</span>
          </li>
        )}
      </ul>
    </>
  );
}

/** Cosines as bars, and as numbers for those who do not see them. */
function Bars({ values }: { values: readonly number[] }) {
  return (
    <ol class="bars">
      {values.map((value, i) => (
        <li key={i}>
          <meter min={-1} max={1} value={value} aria-label={`${i + 1}`} /> {value.toFixed(3)}
        </li>
      ))}
    </ol>
  );
}
