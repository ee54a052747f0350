import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { dot } from '@wbdc/metrics';
import type { TrainedInput } from '@wbdc/pipeline';
import type { IndexedVideo } from '@wbdc/search';
import { CLIP_PREPROCESSING } from '@wbdc/video-features';
import { z } from 'zod';
import { ServeError } from '../errors.js';
import { isUnreadable } from '../models.js';
import { indexOf, needEmbedder, type Service } from '../service.js';
import { videoOf } from './search.js';

const bodySchema = z.strictObject({
  id: z.string().min(1).max(1024),
  words: z.string().min(1).max(2000).optional(),
  like: z.string().min(1).max(1024).optional(),
});

const weights = z.array(z.object({ text: z.string(), weight: z.number() }));

const answerSchema = z.object({
  frames: z.array(z.number()).optional().describe('cosines of single frames with what is looked for'),
  words: weights.describe('parts of the title: what the cosine of the texts loses without each; none of a CLIP'),
  attention: z
    .object({ tokens: z.array(z.object({ text: z.string(), share: z.number() })), frames: z.array(z.number()) })
    .optional()
    .describe('how much of each token and frame the model has looked at (attention rollout); none of a CLIP'),
  asked: weights.optional().describe('parts of the words: what their cosine with the video loses without each'),
});

/** Frames that are looked at. */
const MOST_FRAMES = 12;
/** Parts of a title that are left out, one after another. */
const MOST_PARTS = 24;

/**
 * Why a video was found, by trying: the model sees its frames one by one, and its title without each of its words. That
 * is what the answer depends on, of any model. Beside it what the model looks at, which is not the same (Jain and
 * Wallace, arXiv 1902.10186).
 */
export function addExplainRoute(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { requests } = service;
  const schema = { summary: 'Why a video is found', body: bodySchema, response: { 200: answerSchema } };
  app.post('/v1/explain', { schema }, (request, reply) =>
    requests.run(reply, async (signal) => {
      const video = await videoOf(service, request.body.id);
      const target = await targetOf(service, request.body, signal);
      const own = await indexOf(service).vector(video.id, service.vectors);
      const { words: asked } = request.body;
      // A CLIP sees no titles: its videos are their frames.
      const title = needEmbedder(service).zeroShot ? '' : video.title;
      const [attention, frames, words, parts] = await Promise.all([
        attentionTo(service, video, signal),
        framesOf(service, video, target, signal),
        partsOf(service, title, target, signal),
        asked === undefined || own === undefined ? undefined : partsOf(service, asked, own.values, signal),
      ]);
      return { ...(frames && { frames }), words, ...(parts && { asked: parts }), ...(attention && { attention }) };
    }),
  );
}

/** The vector of what was looked for. */
async function targetOf(service: Service, { words, like }: z.output<typeof bodySchema>, signal: AbortSignal) {
  const { vectors: name } = service;
  if (like !== undefined) {
    const vector = await indexOf(service).vector(like, name);
    if (vector !== undefined) return vector.values;
  } else if (words !== undefined) {
    const [vector] = await service.models.embedWords([words], { model: needEmbedder(service).name, signal });
    return vector;
  }
  throw new ServeError({ expected: 'words, or a video with a vector', got: 'neither', code: 'request' });
}

/** Embeddings of inputs; undefined of those that cannot be read. */
async function embed(service: Service, inputs: readonly TrainedInput[], signal: AbortSignal) {
  const rows = await service.models.ask('embed', inputs, { model: needEmbedder(service).name, signal });
  return rows.map((row) => (isUnreadable(row) ? undefined : row.embedding));
}

async function framesOf(
  service: Service,
  { id, path }: IndexedVideo,
  target: ArrayLike<number>,
  signal: AbortSignal,
): Promise<number[] | undefined> {
  const file = path === '' ? undefined : await service.media.allow(path).catch(() => undefined);
  if (file === undefined) return undefined;
  const settings = { preprocessing: CLIP_PREPROCESSING, sampling: { kind: 'even', limit: MOST_FRAMES } } as const;
  const decoded = await service.decode({ id, path: file }, settings).catch(() => undefined);
  if (decoded === undefined) return undefined;
  const { imageSize: side } = CLIP_PREPROCESSING;
  const size = side * side * 3;
  const inputs = Array.from({ length: decoded.count }, (_, i): TrainedInput => {
    return { frames: [{ width: side, height: side, data: decoded.pixels.subarray(i * size, (i + 1) * size) }] };
  });
  const vectors = await embed(service, inputs, signal);
  return vectors.flatMap((vector) => (vector === undefined ? [] : [dot(vector, target)]));
}

/** What the model looks at in a video, by its texts and, where it may be read, its file. */
async function attentionTo(service: Service, { path, title, ocr, asr }: IndexedVideo, signal: AbortSignal) {
  const file = path === '' ? undefined : await service.media.allow(path).catch(() => undefined);
  const texts = { title, ocr, asr };
  const input: TrainedInput = file === undefined ? { features: [], ...texts } : { video: file, ...texts };
  const found = await service.models.attend(input, { model: needEmbedder(service).name, signal });
  return found && { tokens: [...found.tokens], frames: [...found.frames] };
}

/** What the cosine of a text with a vector loses without each of its words. */
async function partsOf(service: Service, text: string, target: ArrayLike<number>, signal: AbortSignal) {
  const segmenter = new Intl.Segmenter('zh', { granularity: 'word' });
  const parts = [...segmenter.segment(text)].filter(({ isWordLike }) => isWordLike).slice(0, MOST_PARTS);
  if (parts.length === 0) return [];
  const without = parts.map(({ index, segment }) => text.slice(0, index) + text.slice(index + segment.length));
  const model = needEmbedder(service).name;
  const [whole, ...others] = await service.models.embedWords([text, ...without], { model, signal });
  const cosine = dot(whole, target);
  return parts.map(({ segment }, i) => ({ text: segment, weight: cosine - dot(others[i], target) }));
}
