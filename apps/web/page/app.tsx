import { useEffect, useRef, useState } from 'preact/hooks';
import { framesOfFile, Demo, type Answer } from './demo.js';
import { ENGINES, startEngine, wantedEngine, type Engine } from './engine.js';
import { messageOf } from './message.js';
import { Results, type Subject } from './results.js';
import { Subjects } from './subjects.js';
import { Training } from './training.js';
import { WORDS, type Language, type Words } from './words.js';

/** The whole page. */
export function App() {
  const [language, setLanguage] = useState<Language>(() => (navigator.language.startsWith('zh') ? 'zh' : 'en'));
  const [wanted, setWanted] = useState(wantedEngine);
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
        <div>
          <h1>{t.title}</h1>
          <p>{t.about}</p>
        </div>
        <button
          type="button"
          lang={language === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
        >
          {t.language}
        </button>
      </header>
      <main>
        <Opened key={wanted} wanted={wanted} t={t} language={language} onEngine={setWanted} />
      </main>
    </>
  );
}

interface OpenedProps {
  readonly wanted: Engine | undefined;
  readonly t: Words;
  readonly language: Language;
  readonly onEngine: (engine: Engine) => void;
}

/** Starts the engine, opens the models, and shows them. */
function Opened({ wanted, t, language, onEngine }: OpenedProps) {
  const [opened, setOpened] = useState<{ readonly demo: Demo; readonly engine: Engine }>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const opening = startEngine(wanted).then(async (engine) => {
      return { engine, demo: await Demo.open(new URL('./', document.baseURI)) };
    });
    opening.then(setOpened, (error: unknown) => setProblem(messageOf(error)));
    return () => void opening.then(({ demo }) => demo.close()).catch(() => undefined);
  }, [wanted]);
  const choose = <EngineChoice t={t} engine={opened?.engine ?? wanted} onChange={onEngine} />;
  if (problem !== undefined) {
    return (
      <>
        <p role="alert">
          {t.failed}: {problem}
        </p>
        {choose}
      </>
    );
  }
  return opened === undefined ? (
    <p role="status">{t.opening}</p>
  ) : (
    <>
      <Looking demo={opened.demo} t={t} language={language} />
      {choose}
    </>
  );
}

function EngineChoice({
  t,
  engine,
  onChange,
}: {
  t: Words;
  engine: Engine | undefined;
  onChange: (engine: Engine) => void;
}) {
  return (
    <label class="engine">
      {t.engine}
      <select value={engine} onChange={(event) => onChange(event.currentTarget.value as Engine)}>
        {ENGINES.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A video is chosen, its results shown; below, a model may be trained. */
function Looking({ demo, t, language }: { demo: Demo; t: Words; language: Language }) {
  const [subject, setSubject] = useState<Subject>();
  const [answer, setAnswer] = useState<Answer>();
  const [status, setStatus] = useState('');
  const latest = useRef(0);
  const look = async (make: () => Promise<Subject>): Promise<void> => {
    const turn = ++latest.current;
    setStatus(t.working);
    const start = performance.now();
    try {
      const made = await make();
      const told = await demo.answer(made.input, made.id);
      if (turn !== latest.current) return; // a later one overtook it
      setSubject(made);
      setAnswer(told);
      setStatus(t.done(made.input.title || t.yours, Math.round(performance.now() - start)));
    } catch (error) {
      if (turn === latest.current) setStatus(messageOf(error));
    }
  };
  const ofCollection = (index: number): void => {
    const { id, picture } = demo.site.videos[index];
    void look(async () => ({ id, picture, input: demo.inputOf(index) }));
  };
  const ofFile = (file: File, title: string): void => {
    void look(async () => {
      const frames = await framesOfFile(file);
      return { frames, input: { frames, title } };
    });
  };
  const again = (): void => void (subject && look(async () => subject));
  return (
    <>
      <Subjects videos={demo.site.videos} t={t} onFile={ofFile} onVideo={ofCollection} />
      <p role="status" id="results" tabIndex={-1}>
        {status}
      </p>
      {subject && answer && (
        <Results
          subject={subject}
          answer={answer}
          categories={demo.site.categories}
          t={t}
          language={language}
          onVideo={(id) => ofCollection(demo.site.videos.findIndex((video) => video.id === id))}
        />
      )}
      <Training demo={demo} t={t} onTrained={again} />
    </>
  );
}
