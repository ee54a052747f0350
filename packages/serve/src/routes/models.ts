import type { FastifyInstance, RouteShorthandOptions } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { TrainedInput } from '@wbdc/pipeline';
import { labelledRow } from '@wbdc/pipeline/apply';
import { z } from 'zod';
import { answerRows, askedInJson, askedInUpload, problemOf, type Asked } from '../inputs.js';
import { isUnreadable, type Task } from '../models.js';
import { answerSchemas, askSchema, uploadFieldsSchema, zeroShotSchema } from '../schemas.js';
import type { Service } from '../service.js';
import { withUpload } from '../uploads.js';

const SUMMARY: Readonly<Record<Task, string>> = {
  classify: 'Categories of videos',
  embed: 'Embeddings of videos',
  tag: 'Tags of videos',
};

/** Of an upload: its body is a stream, its fields are checked when they are there. */
export const UPLOAD: RouteShorthandOptions = {
  schema: { consumes: ['multipart/form-data'], body: uploadFieldsSchema },
  validatorCompiler: () => (data) => ({ value: data }),
};

/** What models say of videos. */
export function addModelRoutes(server: FastifyInstance, service: Service): void {
  const app = server.withTypeProvider<ZodTypeProvider>();
  const { models, media, requests, limits } = service;
  const listed = z.object({ name: z.string(), task: z.string(), hash: z.string(), zeroShot: z.boolean() });
  const response = { 200: z.object({ models: z.array(listed) }) };
  app.get('/v1/models', { schema: { summary: 'The models', response } }, async () => ({
    models: models.all.map(({ name, task, hash, zeroShot }) => ({ name, task, hash, zeroShot })),
  }));
  addTask('classify');
  addTask('embed');
  addTask('tag');
  addZeroShot(server, service);

  function addTask<T extends Task>(task: T): void {
    const summary = SUMMARY[task];
    const answer = { 200: answerSchemas[task] };
    const options = { schema: { summary, body: askSchema, response: answer } };
    server.post<{ Body: z.output<typeof askSchema>; Reply: unknown }>(`/v1/${task}`, options, (request, reply) =>
      requests.run(reply, async (signal) => {
        const { model, top, inputs } = request.body;
        const { name, hash } = models.find(task, model);
        const asked = await askedInJson(inputs, media);
        const rows = await models.ask(task, inputsOf(asked), { model: name, signal });
        return { model: name, rows: answerRows(task, asked, rows, { hash, top }) };
      }),
    );
    const sent = { ...UPLOAD.schema, summary: `${summary} that are sent along`, response: answer };
    server.post<{ Reply: unknown }>(`/v1/${task}/upload`, { ...UPLOAD, schema: sent }, (request, reply) =>
      requests.upload(reply, (signal) =>
        withUpload(request, limits, signal, async (files) => {
          const { name, hash } = models.find(task, files.fields.model);
          const asked = askedInUpload(files);
          const rows = await models.ask(task, inputsOf(asked), { model: name, signal });
          return { model: name, rows: answerRows(task, asked, rows, { hash, top: files.fields.top }) };
        }),
      ),
    );
  }
}

/** Labels of one's own choice, by a CLIP. */
function addZeroShot(server: FastifyInstance, { models, media, requests, limits }: Service): void {
  const summary = 'Which of some labels fit videos, by a CLIP';
  const answer = { 200: answerSchemas.zeroShot };
  const options = { schema: { summary, body: zeroShotSchema, response: answer } };
  server.post<{ Body: z.output<typeof zeroShotSchema>; Reply: unknown }>('/v1/zero-shot', options, (request, reply) =>
    requests.run(reply, async (signal) => label(request.body, await askedInJson(request.body.inputs, media), signal)),
  );
  const sent = { ...UPLOAD.schema, summary: `${summary}, that are sent along`, response: answer };
  server.post<{ Reply: unknown }>('/v1/zero-shot/upload', { ...UPLOAD, schema: sent }, (request, reply) =>
    requests.upload(reply, (signal) =>
      withUpload(request, limits, signal, async (files) => label(files.fields, askedInUpload(files), signal)),
    ),
  );

  async function label(fields: LabelFields, asked: readonly Asked[], signal: AbortSignal) {
    const { labels = [], prompts, top } = fields;
    const { name } = models.find('zeroShot', fields.model);
    const labelsOf = await models.labeller({ labels, ...(prompts && { prompts }) }, name);
    const rows = await models.ask('embed', inputsOf(asked), { model: name, signal });
    const told = asked.map(({ id, hidden }, i) => {
      const row = rows[i];
      if (isUnreadable(row)) return { id, error: problemOf(row, hidden) };
      return { id, ...labelledRow({ labels: labelsOf(row.embedding) }, top) };
    });
    return { model: name, rows: told };
  }
}

type LabelFields = Pick<z.output<typeof uploadFieldsSchema>, 'labels' | 'prompts' | 'top' | 'model'>;

function inputsOf(asked: readonly Asked[]): TrainedInput[] {
  return asked.map(({ input }) => input);
}
