import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IndexedVideo, IndexHit, IndexQuery, ModelVector } from '@wbdc/search';
import { z } from 'zod';
import { ServeError } from '../errors.js';
import { askedInUpload, problemOf } from '../inputs.js';
import { mediaKind } from '../media.js';
import { isUnreadable } from '../models.js';
import { facetsSchema, filterSchema, hitsSchema, searchSchema, videoSchema, type SearchRequest } from '../schemas.js';
import { embedderOf, indexOf, needEmbedder, type Service } from '../service.js';
import { withUpload } from '../uploads.js';
import { UPLOAD } from './models.js';

/** What is found in the index. */
export function addSearchRoutes(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { requests, limits } = service;
  const response = { 200: hitsSchema };
  const summary = 'Videos of the index, by words, by one of them, or both';
  app.post('/v1/search', { schema: { summary, body: searchSchema, response } }, (request, reply) =>
    requests.run(reply, async (signal) => {
      return { hits: await find(service, request.body, await vectorsOf(service, request.body, signal)) };
    }),
  );
  const upload = {
    ...UPLOAD,
    schema: { ...UPLOAD.schema, summary: 'Videos of the index that are like one sent along', response },
  };
  server.post('/v1/search/upload', upload, (request, reply) =>
    requests.upload(reply, (signal) =>
      withUpload(request, limits, signal, async (files) => {
        const [asked, more] = askedInUpload(files);
        if (more !== undefined) throw new ServeError({ expected: 'one file', got: 'several', code: 'request' });
        const search = searchOf(files.fields.search);
        const { name } = needEmbedder(service);
        const [row] = await service.models.ask('embed', [asked.input], { model: name, signal });
        if (isUnreadable(row)) {
          const { message } = problemOf(row, asked.hidden);
          const got = message.split(/, got:? /).at(-1)!; // what was expected is said here
          throw new ServeError({ where: asked.id, expected: 'a video that can be read', got, code: 'request' });
        }
        const vector = { model: service.vectors, hash: row.model, values: row.embedding };
        return reply.send({ hits: await find(service, search, [vector]) });
      }),
    ),
  );
  const described = {
    schema: { summary: 'Categories and tags, by their number', body: filterSchema, response: { 200: facetsSchema } },
  };
  app.post('/v1/facets', described, async (request) => {
    const { categories, tags } = await indexOf(service).facets(filterOf(request.body));
    return { categories: categories.slice(0, MOST_FACETS), tags: tags.slice(0, MOST_FACETS) };
  });
  const params = z.object({ id: z.string() });
  app.get(
    '/v1/videos/:id',
    { schema: { summary: 'A video of the index', params, response: { 200: videoSchema } } },
    async (request) => videoAnswer(service, await videoOf(service, request.params.id)),
  );
}

const MOST_FACETS = 200;

/** The search of an upload's field: words are an addition there. */
function searchOf(text: string | undefined): SearchRequest {
  try {
    const asked = JSON.parse(text ?? '{}') as object;
    return { ...searchSchema.parse({ ...asked, like: 'the file' }), like: undefined };
  } catch (error) {
    const got = error instanceof z.ZodError ? z.prettifyError(error).slice(0, 300) : 'another text';
    throw new ServeError({ where: 'search', expected: 'a search in JSON', got, code: 'request' });
  }
}

/** A video of the index. @throws ServeError `missing` */
export async function videoOf(service: Service, id: string): Promise<IndexedVideo> {
  const [video] = await indexOf(service).get([id]);
  if (video !== undefined) return video;
  throw new ServeError({ expected: 'a video of the index', got: `'${id.slice(0, 100)}'`, code: 'missing' });
}

/** What to look for beside words: the vector of a video of the index, or what a model makes of the words. */
async function vectorsOf(
  service: Service,
  { like, words, by }: SearchRequest,
  signal: AbortSignal,
): Promise<ModelVector[]> {
  const { vectors: name, models } = service;
  const index = indexOf(service);
  if (like !== undefined) {
    await videoOf(service, like);
    const vector = await index.vector(like, name);
    if (vector !== undefined) return [vector];
    throw new ServeError({
      where: like.slice(0, 100),
      expected: 'a video with a vector',
      got: 'none',
      code: 'missing',
    });
  }
  const able = index.models.some((model) => model.name === name) ? embedderOf(service) : undefined;
  if (words === undefined || by === 'words' || able === undefined) {
    if (by !== 'meaning') return [];
    const expected = `a model that made the vectors '${name}' of the index`;
    throw new ServeError({ expected, got: 'none here', code: 'missing' });
  }
  const [values] = await models.embedWords([words], { model: able.name, signal });
  return [{ model: name, hash: able.hash, values }];
}

async function find(service: Service, search: SearchRequest, vectors: readonly ModelVector[]) {
  const { words, like, filter, limit, offset, by } = search;
  const query: IndexQuery = {
    ...{ vectors, limit, offset },
    ...(words !== undefined && by !== 'meaning' && { words }),
    filter: { ...filterOf(filter ?? {}), ...(like !== undefined && { exceptIds: [like] }) },
  };
  const hits = await indexOf(service).search(query);
  return Promise.all(hits.map((hit) => describedHit(service, hit)));
}

function filterOf({
  categories,
  tags,
  after,
  before,
}: z.output<typeof filterSchema>): NonNullable<IndexQuery['filter']> {
  return {
    ...(categories && { categories }),
    ...(tags && { tags }),
    ...(after !== undefined && { after: new Date(after) }),
    ...(before !== undefined && { before: new Date(before) }),
  };
}

async function describedHit(service: Service, { video, score, ranks }: IndexHit) {
  return { ...(await videoAnswer(service, video)), score, ranks };
}

/** A video without its path: that is the server's own. */
async function videoAnswer({ media }: Service, { path, time, ...video }: IndexedVideo) {
  const kind = mediaKind(path);
  const readable = kind !== undefined && (await media.allow(path).catch(() => undefined)) !== undefined;
  const { categories, tags } = video;
  return {
    ...{ ...video, categories: [...categories], tags: [...tags] },
    ...(time && { time: time.toISOString() }),
    ...(readable && { plays: kind }),
  };
}
