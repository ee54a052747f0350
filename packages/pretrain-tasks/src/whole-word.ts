/**
 * Numbers the words of a Chinese text from its WordPiece tokens, for whole-word masking (Cui et al., arXiv 1906.08101):
 * `##` pieces belong to the piece before them, and single characters are grouped by the Unicode word segmenter of the
 * JavaScript engine.
 */
export function chineseWords(vocab: readonly string[]): (tokens: ArrayLike<number>) => Int32Array {
  const segmenter = new Intl.Segmenter('zh', { granularity: 'word' });
  return (tokens) => {
    const pieces = Array.from(tokens, (id) => vocab[id]);
    const text = pieces.map((piece) => piece.replace(/^##/, '')).join('');
    const wordAt = new Int32Array(text.length);
    let count = 0;
    for (const { index, segment } of segmenter.segment(text)) wordAt.fill(count++, index, index + segment.length);
    const words = new Int32Array(pieces.length);
    let at = 0;
    pieces.forEach((piece, i) => {
      words[i] = i > 0 && piece.startsWith('##') ? words[i - 1] : wordAt[at];
      at += piece.length - (piece.startsWith('##') ? 2 : 0);
    });
    return words;
  };
}
