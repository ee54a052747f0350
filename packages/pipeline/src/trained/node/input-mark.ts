import { fingerprintOf } from '../../contents/changes.js';
import { videoMark } from '../../data/video-mark.js';
import type { VideoTexts } from '../inputs.js';

/** Hash of what a row was made from: the texts of a video, and {@link videoMark} of its file or folder. */
export async function inputMark(path: string, { title = '', ocr = '', asr = '' }: VideoTexts): Promise<string> {
  const video = await videoMark(path).catch(() => 'unreadable'); // which it was not when it gave a row
  return fingerprintOf({ title, ocr, asr, video });
}
