import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { appendLine } from '@wbdc/io';
import { CLIP_PREPROCESSING, encodeJpeg } from '@wbdc/video-features';
import { definedOnly } from '@wbdc/pipeline';
import type { IndexRow } from '@wbdc/search';
import { z } from 'zod';
import { ServeError } from '../errors.js';
import { indexRows } from '../indexing.js';
import { askedInJson, askedInUpload, problemOf, type Asked } from '../inputs.js';
import { mediaType } from '../media.js';
import { isUnreadable } from '../models.js';
import { indexSchema, labelsSchema } from '../schemas.js';
import { indexOf, needEmbedder, type Service } from '../service.js';
import { withUpload } from '../uploads.js';
import { UPLOAD } from './models.js';
import { videoOf } from './search.js';

const params = z.object({ id: z.string() });
const failure = z.object({ id: z.string(), error: z.object({ code: z.string(), message: z.string() }) });
const addedSchema = z.object({ added: z.number(), updated: z.number(), unreadable: z.array(failure) });

type Details = Partial<Pick<IndexRow, 'path' | 'categories' | 'tags' | 'time'>>;

/** What changes the index, and what it has of a video beside its texts. */
export function addVideoRoutes(server: FastifyInstance, service: Service): void {
  addIndexing(server, service);
  addFiles(server, service);
  addChanges(server, service);
}

function addIndexing(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { requests, limits, media } = service;
  const response = { 200: addedSchema };
  app.post(
    '/v1/index',
    { schema: { summary: 'Adds videos to the index', body: indexSchema, response } },
    (request, reply) =>
      requests.run(reply, async (signal) => {
        const { rows } = request.body;
        const asked = await askedInJson(
          rows.map(({ categories: _c, tags: _t, time: _w, ...input }) => input),
          media,
        );
        const details = rows.map(({ path, categories, tags, time }): Details => {
          return definedOnly({ path, categories, tags, time: time === undefined ? undefined : new Date(time) });
        });
        return addToIndex(service, asked, details, signal);
      }),
  );
  const upload = {
    ...UPLOAD,
    schema: { ...UPLOAD.schema, summary: 'Adds videos that are sent along to the index', response },
  };
  server.post('/v1/index/upload', upload, (request, reply) =>
    requests.upload(reply, (signal) =>
      withUpload(request, limits, signal, async (files) => {
        const { categories, tags } = files.fields;
        const asked = askedInUpload(files);
        const details = asked.map(() => definedOnly({ categories, tags }));
        return reply.send(await addToIndex(service, asked, details, signal));
      }),
    ),
  );
}

function addFiles(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/videos/:id/thumbnail', { schema: { summary: 'Its small picture', params } }, async (request, reply) => {
    const picture = await indexOf(service).thumbnail(request.params.id);
    if (picture === undefined) throw missing('a video with a picture', request.params.id);
    return reply.type('image/jpeg').header('cache-control', 'private, max-age=3600').send(Buffer.from(picture));
  });
  app.get(
    '/v1/videos/:id/media',
    { schema: { summary: 'Its file, where the server may read it', params } },
    async (request, reply) => {
      const { path } = await videoOf(service, request.params.id);
      const type = mediaType(path);
      if (type === undefined) throw missing('a video that a browser plays', request.params.id);
      const file = await service.media.allow(path);
      const { size } = await stat(file);
      if (size === 0) throw missing('a file with something in it', request.params.id);
      const range = rangeOf(request.headers.range, size);
      reply.type(type).headers({ 'accept-ranges': 'bytes', 'content-length': range.end - range.start + 1 });
      if (range.partial) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${size}`);
      return reply.send(createReadStream(file, { start: range.start, end: range.end }));
    },
  );
}

function addChanges(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  app.delete(
    '/v1/videos/:id',
    { schema: { summary: 'Takes a video out of the index', params } },
    async (request, reply) => {
      await videoOf(service, request.params.id);
      await indexOf(service).remove([request.params.id]);
      return reply.code(204).send();
    },
  );
  app.post(
    '/v1/videos/:id/labels',
    { schema: { summary: 'Corrects its labels, and keeps the correction', params, body: labelsSchema } },
    async (request, reply) => {
      const video = await videoOf(service, request.params.id);
      const labels = definedOnly(request.body);
      if (service.corrections !== undefined) await keepCorrection(service.corrections, { ...video, ...labels });
      await indexOf(service).add([{ id: video.id, ...labels }]);
      return reply.code(204).send();
    },
  );
}

function missing(expected: string, id: string): ServeError {
  return new ServeError({ expected, got: `'${id.slice(0, 100)}'`, code: 'missing' });
}

/** Embeds videos, and adds those that can be read. */
async function addToIndex(service: Service, asked: readonly Asked[], details: readonly Details[], signal: AbortSignal) {
  const { models, vectors: name } = service;
  const index = indexOf(service);
  const { hash, name: model } = needEmbedder(service);
  const rows = await models.ask(
    'embed',
    asked.map(({ input }) => input),
    { model, signal },
  );
  const readable = rows.flatMap((row, i) => (isUnreadable(row) ? [] : [{ ...row, id: String(i) }]));
  if (readable.length > 0) {
    const known = { name, hash, width: readable[0].embedding.length };
    await index.addModel(known);
  }
  const pictures = await Promise.all(readable.map(({ id }) => thumbnailOf(service, asked[Number(id)])));
  const pictureOf = new Map(readable.map(({ id }, i) => [id, pictures[i]]));
  const prepared: IndexRow[] = [];
  const detailsOf = (id: string) => ({ ...textsOf(asked[Number(id)]), ...details[Number(id)] });
  const thumbnail = (id: string) => pictureOf.get(id);
  for await (const row of indexRows(asAsync(readable), { name, detailsOf, thumbnail })) {
    prepared.push({ ...row, id: asked[Number(row.id)].id });
  }
  const { added, updated } = await index.add(prepared);
  const unreadable = rows.flatMap((row, i) => {
    return isUnreadable(row) ? [{ id: asked[i].id, error: problemOf(row, asked[i].hidden) }] : [];
  });
  return { added, updated, unreadable };
}

async function* asAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function textsOf({ input: { title, ocr, asr } }: Asked) {
  return definedOnly({ title, ocr, asr });
}

/** A picture of a video: its middle frame. */
async function thumbnailOf({ decode }: Service, { id, input }: Asked): Promise<Uint8Array | undefined> {
  if (!('video' in input) || typeof input.video !== 'string') return undefined;
  const settings = { preprocessing: CLIP_PREPROCESSING, sampling: { kind: 'even', limit: 1 } } as const;
  const { pixels } = await decode({ id, path: input.video }, settings);
  const { imageSize: size } = CLIP_PREPROCESSING;
  return (await encodeJpeg({ data: pixels, width: size, height: size }, { side: size, quality: 80 })).bytes;
}

/** A line of a table that `wbdc prepare` takes, on the disk before the answer is given. */
async function keepCorrection(
  file: string,
  video: Pick<IndexRow, 'path' | 'categories'> & {
    id: string;
    tags: readonly string[];
    title: string;
    ocr: string;
    asr: string;
  },
) {
  const { id, path, title, ocr, asr, categories = [], tags } = video;
  const row = { id, ...(path && { video: path }), title, ocr, asr, category: categories.join(' / '), tags };
  await appendLine(file, JSON.stringify({ ...row, corrected: new Date().toISOString() }));
}

/** Bytes `[start, end]` that a request asks for; all of them where it names none that there are. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number; partial: boolean } {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  const all = { start: 0, end: size - 1, partial: false };
  if (first === undefined || (first === '' && last === '')) return all;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? all : { start, end, partial: true };
}
