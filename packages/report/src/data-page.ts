import { figure, section, table, type Table } from './components.js';
import { markup, type Html } from './markup.js';
import { renderPage, type Fact } from './page.js';
import { DATA_STYLE } from './style.js';

/** A video as the page shows it. */
export interface SampleCard {
  readonly frames: readonly { readonly label: string; readonly dataUrl: string }[];
  readonly title: string;
  readonly category: string;
  /** The category's name in another language. */
  readonly categoryNote?: string;
  /** `time` in seconds. */
  readonly ocr: readonly { readonly time: number; readonly text: string }[];
  readonly asr: string;
  readonly tags: readonly string[];
  /** Split and id. */
  readonly about: string;
}

/** A heading, a sentence and charts. */
export interface ChartSection {
  readonly title: string;
  readonly about: string;
  readonly charts: readonly Html[];
}

/** What the page of a data set shows. */
export interface DataPage {
  readonly title: string;
  readonly about: string;
  readonly facts: readonly Fact[];
  readonly splits: Table & { readonly about: string; readonly chart: Html };
  readonly warnings?: readonly string[];
  /** All videos, of which the samples are some. */
  readonly videos: number;
  readonly samples: readonly SampleCard[];
  readonly sections: readonly ChartSection[];
  readonly footer: string;
}

/** A JPEG file as an address that a page can hold: `data:image/jpeg;base64,...`. */
export function jpegDataUrl(bytes: Uint8Array): string {
  return `data:image/jpeg;base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}

/** `index.html` of a data set. Needs no other file. */
export function renderDataPage(page: DataPage): string {
  const { title, about, facts, splits, warnings = [], videos, samples, sections, footer } = page;
  const shown = `${samples.length} of ${videos.toLocaleString('en-US')} videos`;
  const body = [
    ...(warnings.length > 0 ? [warningSection(warnings)] : []),
    section(
      { title: 'Splits', note: splits.about },
      markup`<div class="split">${table(splits)}${figure(splits.chart)}</div>`,
    ),
    section({ title: shown }, markup`<div class="cards">${samples.map(sampleCard)}</div>`),
    ...sections.map((one) => section({ title: one.title, note: one.about }, figure(...one.charts))),
  ];
  return renderPage({ title, lead: about, facts, body, footer, style: DATA_STYLE });
}

function warningSection(warnings: readonly string[]): Html {
  const lines = warnings.map((warning) => markup`<li>${warning}</li>`);
  return section({ title: 'Warnings' }, markup`<ul class="warnings">${lines}</ul>`);
}

function sampleCard({ frames, title, category, categoryNote, ocr, asr, tags, about }: SampleCard): Html {
  const pictures = frames.map(
    ({ label, dataUrl }) => markup`<span><img src="${dataUrl}" alt=""><small>${label}</small></span>`,
  );
  const lines = ocr.map(({ time, text }, i) => markup`${i > 0 ? markup`<br>` : undefined}<i>${time} s</i> ${text}`);
  const note = categoryNote === undefined ? undefined : markup` <em>${categoryNote}</em>`;
  return markup`<article lang="zh">
<div class="frames">${pictures}</div>
<h3>${title || '-'}</h3>
<div class="category">${category}${note}</div>
<dl><dt>ocr</dt><dd>${lines.length > 0 ? lines : '-'}</dd><dt>asr</dt><dd>${asr || '-'}</dd></dl>
<div class="tags">${tags.map((tag) => markup`<span>${tag}</span>`)}</div>
<div class="id">${about}</div>
</article>
`;
}
