import { useEffect, useRef, useState } from 'preact/hooks';
import { correct, type Hit } from './api.js';
import type { Words } from './words.js';

interface LabelsProps {
  readonly hit: Hit;
  readonly t: Words;
  readonly onSaved: (labels: { categories: string[]; tags: string[] }) => void;
  readonly onClose: () => void;
}

/** A form to correct the labels of a video. */
export function Labels({ hit, t, onSaved, onClose }: LabelsProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string>();
  useEffect(() => dialog.current?.showModal(), []);
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const listOf = (name: string): string[] => namesIn(String(form.get(name) ?? ''));
    const labels = { categories: listOf('categories'), tags: listOf('tags') };
    try {
      await correct(hit.id, labels);
      onSaved(labels);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const field = (name: 'categories' | 'tags', label: string) => (
    <label>
      {label} <small>({t.commaHint})</small>
      <input name={name} defaultValue={hit[name].join(', ')} />
    </label>
  );
  return (
    <dialog ref={dialog} aria-labelledby="labels-title" onClose={onClose}>
      <form onSubmit={(event) => void save(event)}>
        <h2 id="labels-title">{hit.title || t.untitled}</h2>
        {field('categories', t.categories)}
        {field('tags', t.tags)}
        {problem !== undefined && <p role="alert">{problem}</p>}
        <div class="actions">
          <button type="submit">{t.save}</button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {t.cancel}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function namesIn(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[,，、;；]/)
        .map((name) => name.trim())
        .filter(Boolean),
    ),
  ];
}
