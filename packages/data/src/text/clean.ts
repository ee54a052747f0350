import { textsOf } from './texts.js';
import type { OcrLine, Video } from '../wbdc/annotations.js';

/** What is done to dirty text before tokenisation. Every step can be turned off. */
export interface CleanSettings {
  /** Unicode normal form; NFKC makes full-width letters and digits plain. `keep` changes nothing. */
  readonly unicode: 'NFKC' | 'NFC' | 'keep';
  /** Control, format and private-use characters, lone surrogates and U+FFFD become spaces. */
  readonly dropControls: boolean;
  /** `http://...` and `www...` become spaces. */
  readonly dropLinks: boolean;
  /** Longest run of one character ("哈哈哈哈哈"); 0 leaves runs alone. */
  readonly maxRun: number;
  /** An OCR line equal to an earlier line of the same video goes: a caption stands in many frames. */
  readonly dropRepeatedOcr: boolean;
  /** Characters of a field that are looked at: no budget reaches further, and hostile text costs nothing. */
  readonly maxCharacters: number;
}

export const DEFAULT_CLEANING: CleanSettings = {
  unicode: 'NFKC',
  dropControls: true,
  dropLinks: true,
  maxRun: 3,
  dropRepeatedOcr: true,
  maxCharacters: 4096,
};

/** Cleans one text; runs of white space become one space. */
export function cleanText(text: string, settings: CleanSettings = DEFAULT_CLEANING): string {
  let clean = text.slice(0, settings.maxCharacters);
  if (settings.unicode !== 'keep') clean = clean.normalize(settings.unicode).slice(0, settings.maxCharacters);
  if (settings.dropLinks) clean = clean.replace(/(?:https?:\/\/|www\.)[\w\-./?%&=#~:+,;@!]+/gi, ' ');
  if (settings.dropControls) clean = clean.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, ' ');
  if (settings.maxRun > 0)
    clean = clean.replace(longerRuns(settings.maxRun), (run) => run.slice(0, cut(run, settings.maxRun)));
  return clean.replace(/\s+/gu, ' ').trim();
}

/** The texts of a video, cleaned: `texts` of {@link openDataset}. */
export function cleanedTexts(settings: CleanSettings = DEFAULT_CLEANING): (video: Video) => Record<string, string> {
  return (video) => {
    const lines = settings.dropRepeatedOcr ? { ...video, ocr: distinct(video.ocr) } : video;
    return Object.fromEntries(
      Object.entries(textsOf(lines)).map(([field, text]) => [field, cleanText(text, settings)]),
    );
  };
}

function longerRuns(limit: number): RegExp {
  return new RegExp(`([^\\s\\d])\\1{${limit},}`, 'gu');
}

/** Code units of the first `count` characters of a run. */
function cut(run: string, count: number): number {
  return run.codePointAt(0)! > 0xffff ? 2 * count : count;
}

/** The first of equal lines, in the order of time. */
function distinct(lines: readonly OcrLine[]): OcrLine[] {
  const seen = new Set<string>();
  return [...lines]
    .sort((a, b) => a.time - b.time)
    .filter(({ text }) => {
      const key = text.trim();
      return !seen.has(key) && seen.add(key);
    });
}
