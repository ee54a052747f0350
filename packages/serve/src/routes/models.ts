import type { FastifyInstance, RouteShorthandOptions } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { TrainedInput } from '@wbdc/pipeline';
import { z } from 'zod';
import { answerRows, askedInJson, askedInUpload, type Asked } from '../inputs.js';
import type { Task } from '../models.js';
import { answerSchemas, askSchema, uploadFieldsSchema } from '../schemas.js';
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
  const listed = z.object({ name: z.string(), task: z.string(), hash: z.string() });
  const response = { 200: z.object({ models: z.array(listed) }) };
  app.get('/v1/models', { schema: { summary: 'The models', response } }, async () => ({
    models: models.all.map(({ name, task, model: { hash } }) => ({ name, task, hash })),
  }));
  addTask('classify');
  addTask('embed');
  addTask('tag');

  function addTask<T extends Task>(task: T): void {
    const summary = SUMMARY[task];
    const answer = { 200: answerSchemas[task] };
    const options = { schema: { summary, body: askSchema, response: answer } };
    server.post<{ Body: z.output<typeof askSchema>; Reply: unknown }>(`/v1/${task}`, options, (request, reply) =>
      requests.run(reply, async (signal) => {
        const { model, top, inputs } = request.body;
        const { name, model: found } = models.find(task, model);
        const asked = await askedInJson(inputs, media);
        const rows = await models.ask(task, inputsOf(asked), { model: name, signal });
        return { model: name, rows: answerRows(task, asked, rows, { hash: found.hash, top }) };
      }),
    );
    const sent = { ...UPLOAD.schema, summary: `${summary} that are sent along`, response: answer };
    server.post<{ Reply: unknown }>(`/v1/${task}/upload`, { ...UPLOAD, schema: sent }, (request, reply) =>
      requests.upload(reply, (signal) =>
        withUpload(request, limits, signal, async (files) => {
          const { name, model } = models.find(task, files.fields.model);
          const asked = askedInUpload(files);
          const rows = await models.ask(task, inputsOf(asked), { model: name, signal });
          return { model: name, rows: answerRows(task, asked, rows, { hash: model.hash, top: files.fields.top }) };
        }),
      ),
    );
  }
}

function inputsOf(asked: readonly Asked[]): TrainedInput[] {
  return asked.map(({ input }) => input);
}
