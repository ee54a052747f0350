import type { Video } from '../wbdc/annotations.js';

/** Title, ASR and all OCR lines in the order of time: the fields of the WBDC layout. */
export function textsOf(video: Video): Record<string, string> {
  const lines = [...video.ocr].sort((a, b) => a.time - b.time);
  return { title: video.title, asr: video.asr, ocr: lines.map((line) => line.text).join(' ') };
}
