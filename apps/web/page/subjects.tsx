import { useState } from 'preact/hooks';
import type { SiteVideo } from '../src/site.js';
import type { Words } from './words.js';

interface SubjectsProps {
  readonly videos: readonly SiteVideo[];
  readonly t: Words;
  readonly onFile: (file: File, title: string) => void;
  /** Of the collection, by its place. */
  readonly onVideo: (index: number) => void;
}

/** A video of one's own, dropped or chosen, with its title; or one of the collection. */
export function Subjects({ videos, t, onFile, onVideo }: SubjectsProps) {
  const [file, setFile] = useState<File>();
  const [title, setTitle] = useState('');
  const [over, setOver] = useState(false);
  const take = (files: FileList | null | undefined): void => {
    const first = files?.[0];
    if (first === undefined) return;
    setFile(first);
    onFile(first, title);
  };
  return (
    <section class="subjects">
      <form
        class={over ? 'own over' : 'own'}
        onSubmit={(event) => {
          event.preventDefault();
          if (file !== undefined) onFile(file, title);
        }}
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
        <div class="drop">
          <span>{file?.name ?? t.drop}</span>
          <label class="file">
            {t.choose}
            <input
              type="file"
              accept="video/*,image/*"
              onChange={(event) => take((event.currentTarget as HTMLInputElement).files)}
            />
          </label>
        </div>
        <label class="title">
          {t.videoTitle}
          <input value={title} maxLength={200} onInput={(event) => setTitle(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={file === undefined}>
          {t.look}
        </button>
      </form>
      <p>{t.examples}</p>
      <Examples videos={videos} t={t} onVideo={onVideo} />
    </section>
  );
}

function Examples({ videos, t, onVideo }: Omit<SubjectsProps, 'onFile'>) {
  return (
    <ul class="examples">
      {examplesOf(videos).map((index) => (
        <li key={videos[index].id}>
          <button type="button" aria-label={t.showLike(videos[index].title)} onClick={() => onVideo(index)}>
            <img src={videos[index].picture} alt="" width={64} height={64} loading="lazy" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Held-out videos, evenly: the models have not seen them. */
function examplesOf(videos: readonly SiteVideo[], most = 12): number[] {
  const heldOut = videos.flatMap((video, i) => (video.heldOut ? [i] : []));
  const from = heldOut.length > 0 ? heldOut : videos.map((_, i) => i);
  const count = Math.min(most, from.length);
  return Array.from({ length: count }, (_, i) => from[Math.floor((i * from.length) / count)]);
}
