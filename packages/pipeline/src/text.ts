import { cleanedTexts, textsOf, type Video } from '@wbdc/data/web';
import type { TextLayout } from '@wbdc/tokenizer';
import type { TextSettings } from './settings/text.js';

/** How texts are packed into a row of tokens. */
export function layoutOf({ fields, budget, limits, separatorFirst }: TextSettings): TextLayout {
  return { fields, budget, limits, separatorFirst };
}

/** The texts of a video, by field, as they are tokenised: cleaned where the settings say so. */
export function textReader({ cleaning }: Pick<TextSettings, 'cleaning'>): (video: Video) => Record<string, string> {
  return cleaning === null ? textsOf : cleanedTexts(cleaning);
}
