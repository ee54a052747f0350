import { useEffect, useRef, useState } from 'preact/hooks';
import {
  facets as readFacets,
  search as ask,
  setToken,
  TokenError,
  type Facets,
  type Filter,
  type Hit,
  type Search,
} from './api.js';
import { Card } from './card.js';
import { Filters } from './filters.js';
import { Labels } from './labels.js';
import { WORDS, type Language, type Words } from './words.js';

const NO_FILTER: Filter = { categories: [], tags: [] };
const PAGE = 24;

/** The whole page. */
export function App() {
  const [language, setLanguage] = useState<Language>(() => (navigator.language.startsWith('zh') ? 'zh' : 'en'));
  const [wantsToken, setWantsToken] = useState(false);
  const t = WORDS[language];
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    document.title = t.title;
  }, [language]);
  return (
    <>
      <a class="skip" href="#results">
        {t.skip}
      </a>
      <header>
        <h1>{t.title}</h1>
        <button
          type="button"
          lang={language === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
        >
          {t.language}
        </button>
      </header>
      <main>
        {wantsToken ? (
          <TokenForm t={t} onDone={() => setWantsToken(false)} />
        ) : (
          <Searching t={t} onToken={() => setWantsToken(true)} />
        )}
      </main>
    </>
  );
}

function TokenForm({ t, onDone }: { t: Words; onDone: () => void }) {
  const enter = (event: SubmitEvent): void => {
    event.preventDefault();
    setToken(String(new FormData(event.currentTarget as HTMLFormElement).get('token') ?? ''));
    onDone();
  };
  return (
    <form class="token" onSubmit={enter}>
      <label>
        {t.token}
        <input name="token" type="password" required autocomplete="off" />
      </label>
      <button type="submit">{t.enter}</button>
    </form>
  );
}

/** What was found, of which search. */
interface Found {
  readonly search: Search;
  readonly hits: readonly Hit[];
  readonly more: boolean;
}

/** Searches one after another: the latest is shown. */
function useSearches(t: Words, onError: (error: unknown) => string | undefined) {
  const [found, setFound] = useState<Found>();
  const [status, setStatus] = useState('');
  const latest = useRef(0);
  const fail = (error: unknown): void => setStatus(onError(error) ?? '');
  const run = async (search: Search, filter: Filter, before: readonly Hit[] = []): Promise<void> => {
    const turn = ++latest.current;
    setStatus(t.searching);
    try {
      const hits = await ask(search, filter, before.length);
      if (turn !== latest.current) return; // a later search overtook this one
      const all = [...before, ...hits];
      setFound({ search, hits: all, more: hits.length === PAGE });
      setStatus(all.length === 0 ? t.nothing : `${titleOf(search, t)}${t.results(all.length)}`);
    } catch (error) {
      if (turn === latest.current) fail(error);
    }
  };
  return { found, setFound, status, setStatus, run, fail };
}

function Searching({ t, onToken }: { t: Words; onToken: () => void }) {
  const [filter, setFilter] = useState(NO_FILTER);
  const [facets, setFacets] = useState<Facets>();
  const [editing, setEditing] = useState<Hit>();
  const { found, setFound, status, setStatus, run, fail } = useSearches(t, (error) => {
    if (!(error instanceof TokenError)) return error instanceof Error ? error.message : String(error);
    onToken();
  });
  const renewFacets = (): void => void readFacets().then(setFacets, fail);
  useEffect(renewFacets, []);
  const narrow = (narrowed: Filter): void => {
    setFilter(narrowed);
    if (found !== undefined) void run(found.search, narrowed);
  };
  const saved = (id: string, labels: Pick<Hit, 'categories' | 'tags'>): void => {
    if (found) setFound({ ...found, hits: found.hits.map((hit) => (hit.id === id ? { ...hit, ...labels } : hit)) });
    setStatus(t.saved);
    setEditing(undefined);
    renewFacets();
  };
  return (
    <>
      <SearchForm t={t} onSearch={(search) => void run(search, filter)} />
      {facets && <Filters facets={facets} filter={filter} t={t} onChange={narrow} />}
      <p role="status" id="results" tabIndex={-1}>
        {status}
      </p>
      {found && <Wall found={found} t={t} onEdit={setEditing} onSearch={(search) => void run(search, filter)} />}
      {found?.more && (
        <button type="button" class="next" onClick={() => void run(found.search, filter, found.hits)}>
          {t.next}
        </button>
      )}
      {editing && (
        <Labels
          hit={editing}
          t={t}
          onClose={() => setEditing(undefined)}
          onSaved={(labels) => saved(editing.id, labels)}
        />
      )}
    </>
  );
}

interface WallProps {
  readonly found: Found;
  readonly t: Words;
  readonly onEdit: (hit: Hit) => void;
  readonly onSearch: (search: Search) => void;
}

function Wall({ found: { hits, search }, t, onEdit, onSearch }: WallProps) {
  const more = ({ id, title }: Hit): void => onSearch({ like: { id, title: title || t.untitled } });
  return (
    <ul class="wall">
      {hits.map((hit) => (
        <Card key={hit.id} hit={hit} search={search} t={t} onMore={more} onEdit={onEdit} />
      ))}
    </ul>
  );
}

function titleOf({ like, file }: Search, t: Words): string {
  if (like !== undefined) return `${t.likeThis(like.title)} · `;
  return file === undefined ? '' : `${t.ofFile(file.name)} · `;
}

/** Words, or a video that is dropped or chosen. */
function SearchForm({ t, onSearch }: { t: Words; onSearch: (search: Search) => void }) {
  const [over, setOver] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget as HTMLFormElement).get('words') ?? '').trim();
    if (words !== '') onSearch({ words });
  };
  const take = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file !== undefined) onSearch({ file });
  };
  return (
    <form
      role="search"
      class={over ? 'search over' : 'search'}
      onSubmit={submit}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <input type="search" name="words" aria-label={t.placeholder} placeholder={t.placeholder} autofocus />
      <button type="submit">{t.search}</button>
      <div class="drop">
        <label class="file">
          {t.choose}
          <input
            type="file"
            accept="video/*,image/gif,image/webp,.zip"
            onChange={(event) => take((event.currentTarget as HTMLInputElement).files)}
          />
        </label>
        <span>{t.drop}</span>
      </div>
    </form>
  );
}
