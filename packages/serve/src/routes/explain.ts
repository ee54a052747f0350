import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { dot } from '@wbdc/metrics';
import type { TrainedInput } from '@wbdc/pipeline';
import type { IndexedVideo } from '@wbdc/search';
import { CLIP_PREPROCESSING } from '@wbdc/video-features';
import { z } from 'zod';
import { ServeError } from '../errors.js';
import { isUnreadable } from '../models.js';
import { indexOf, type Service } from '../service.js';
import { videoOf } from './search.js';

const bodySchema = z.strictObject({
  id: z.string().min(1).max(1024),
  words: z.string().min(1).max(2000).optional(),
  like: z.string().min(1).max(1024).optional(),
});

const answerSchema = z.object({
  frames: z.array(z.number()).optional().describe('cosines of single frames with what is looked for'),
  words: z
    .array(z.object({ text: z.string(), weight: z.number() }))
    .describe('parts of the title: what the cosine of the texts loses without each'),
});

/** Frames that are looked at. */
const MOST_FRAMES = 12;
/** Parts of a title that are left out, one after another. */
const MOST_PARTS = 24;

/**
 * Why a video was found, by trying: the model sees its frames one by one, and its title without each of its words. That
 * is what the answer depends on, of any model; weights of attention are not.
 */
export function addExplainRoute(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { requests } = service;
  const schema = { summary: 'Why a video is found', body: bodySchema, response: { 200: answerSchema } };
  app.post('/v1/explain', { schema }, (request, reply) =>
    requests.run(reply, async (signal) => {
      const video = await videoOf(service, request.body.id);
      const target = await targetOf(service, request.body, signal);
      const [frames, words] = await Promise.all([
        framesOf(service, video, target, signal),
        partsOf(service, video.title, target, signal),
      ]);
      return { ...(frames && { frames }), words };
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
    const [vector] = await embed(service, [{ features: [], title: words }], signal);
    if (vector !== undefined) return vector;
  }
  throw new ServeError({ expected: 'words, or a video with a vector', got: 'neither', code: 'request' });
}

/** Embeddings of inputs; undefined of those that cannot be read. */
async function embed({ models }: Service, inputs: readonly TrainedInput[], signal: AbortSignal) {
  const rows = await models.ask('embed', inputs, { signal });
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

async function partsOf(service: Service, title: string, target: ArrayLike<number>, signal: AbortSignal) {
  const segmenter = new Intl.Segmenter('zh', { granularity: 'word' });
  const parts = [...segmenter.segment(title)].filter(({ isWordLike }) => isWordLike).slice(0, MOST_PARTS);
  if (parts.length === 0) return [];
  const without = parts.map(({ index, segment }) => title.slice(0, index) + title.slice(index + segment.length));
  const inputs = [title, ...without].map((text): TrainedInput => ({ features: [], title: text }));
  const [whole, ...others] = await embed(service, inputs, signal);
  if (whole === undefined) return [];
  const cosine = dot(whole, target);
  return parts.flatMap(({ segment }, i) => {
    const other = others[i];
    return other === undefined ? [] : [{ text: segment, weight: cosine - dot(other, target) }];
  });
}
