import { WbdcError } from '@wbdc/io/errors';
import { isRemote } from '@wbdc/io/remote';
import { fingerprintOf } from '../../contents/changes.js';
import { remoteHash } from '../../contents/files.js';
import { videoMark } from '../../data/video-mark.js';
import type { VideoTexts } from '../inputs.js';

/**
 * Hash of what a row was made from: the texts of a video, and {@link videoMark} of its file or folder, or size and
 * version (ETag) of one on a server.
 *
 * @throws WbdcError `remote` where that server does not answer
 */
export async function inputMark(path: string, { title = '', ocr = '', asr = '' }: VideoTexts): Promise<string> {
  const mark = isRemote(path) ? remoteHash(path) : videoMark(path);
  const video = await mark.catch((error: unknown) => {
    if (isRemote(path) && !(error instanceof WbdcError && error.code === 'remote-missing')) throw error;
    return 'unreadable'; // which it was not when it gave a row
  });
  return fingerprintOf({ title, ocr, asr, video });
}
