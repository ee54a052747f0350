/// <reference lib="esnext.disposable" preserve="true" />
import { dirname } from 'node:path';
import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { decodeVideo } from '@wbdc/video-features';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ServeError } from './errors.js';
import { Media } from './media.js';
import { createMetrics } from './metrics.js';
import { Models } from './models.js';
import { DEFAULT_LIMITS, type ServeOptions } from './options.js';
import { addExplainRoute } from './routes/explain.js';
import { addModelRoutes } from './routes/models.js';
import { addPageRoutes } from './routes/page.js';
import { addSearchRoutes } from './routes/search.js';
import { addVideoRoutes } from './routes/videos.js';
import { secure } from './security.js';
import { ClientLeft, Requests } from './service.js';

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** Takes no more requests, lets those under way end, and stops. `await using` calls it. */
  close(): Promise<void>;
}

/** Serves models and an index over HTTP. @throws ServeError, or the system's error where it cannot listen */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 8080, log } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { batchSize: size, batchWaitMs: waitMs, batchesAtOnce: atOnce, queue: maxQueue } = limits;
  const requests = new Requests(limits);
  const app = fastify({
    logger: log === undefined ? false : { stream: log },
    bodyLimit: limits.bodyBytes,
    forceCloseConnections: 'idle',
    requestTimeout: 10 * limits.timeoutMs, // of the whole body: slow senders end too
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    const got = `${request.method} ${request.url.slice(0, 200)}`;
    return answerError(new ServeError({ expected: 'an address of this server', got, code: 'missing' }), request, reply);
  });
  secure(app, { tokens: options.tokens ?? [], host });
  const metrics = createMetrics(app, () => models.waiting);
  const models = new Models(options.models, { size, waitMs, atOnce, maxQueue }, metrics);
  await app.register(multipart);
  await app.register(swagger, { openapi: { info: { title: 'wbdc', version: '1' } }, transform: jsonSchemaTransform });
  const service = {
    ...{ models, requests, limits, metrics },
    index: options.index,
    vectors: options.vectors ?? 'video',
    media: await Media.open(options.media ?? []),
    corrections: await correctionsFile(options.corrections),
    decode: options.decode ?? decodeVideo,
  };
  await app.register(async (server) => {
    addModelRoutes(server, service);
    addSearchRoutes(server, service);
    addVideoRoutes(server, service);
    addExplainRoute(server, service);
  });
  addSystemRoutes(app, requests, metrics.registry);
  await addPageRoutes(app);
  const url = await app.listen({ host, port });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= requests.drain().then(() => app.close()));
  return { url, close, [Symbol.asyncDispose]: close };
}

/** A file for lines of JSON: `prepare` reads a table by its ending. @throws ServeError `names` */
async function correctionsFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const [problem, code] = [{ where: path.slice(0, 200) }, 'names'] as const;
  if (!/\.(jsonl|ndjson)$/i.test(path)) {
    throw new ServeError({ ...problem, expected: 'a file for corrections, *.jsonl', got: 'another ending', code });
  }
  if (await exists(dirname(path))) return path;
  const [expected, got, advice] = ['a folder to write corrections to', 'none', 'make it first'];
  throw new ServeError({ ...problem, expected, got, advice, code });
}

function addSystemRoutes(
  app: FastifyInstance,
  requests: Requests,
  registry: ReturnType<typeof createMetrics>['registry'],
): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    return requests.closing ? reply.code(503).send({ status: 'closing' }) : { status: 'ready' };
  });
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get('/openapi.json', async () => app.swagger());
}

/** Statuses of errors of the libraries, by their codes. */
const STATUS: Readonly<Record<string, number>> = {
  'head-missing': 400,
  input: 400,
  'model-other': 409,
  query: 400,
  row: 400,
};

/** Tells what is wrong with a request; of what is wrong here only that something is. */
function answerError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, code, message } = describe(error, request);
  if (status >= 500 && !(error instanceof ServeError)) request.log.error(error);
  if (error instanceof ServeError && error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter);
  if (error instanceof ClientLeft) request.log.info('the client left');
  return reply.code(status).send({ error: { code, message: message.slice(0, 1000) } });
}

const OTHER_TYPE = 'content-type: expected application/json, or multipart/form-data for uploads, got another or none';

/** What is wrong; a form that is sent where JSON is read has no body there, which its schema would call null. */
function messageOf(error: FastifyError | Error, request: FastifyRequest): string {
  if ('code' in error && error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return OTHER_TYPE;
  if (!('validation' in error && request.isMultipart())) return error.message;
  return 'content-type: expected application/json, got multipart/form-data, which addresses on /upload take';
}

function describe(
  error: FastifyError | Error,
  request: FastifyRequest,
): { status: number; code: string; message: string } {
  const message = messageOf(error, request);
  if (error instanceof ServeError) return { status: error.status, code: error.code, message };
  if (error instanceof ClientLeft) return { status: 499, code: 'left', message };
  if (error instanceof WbdcError && error.code !== undefined && error.code in STATUS) {
    return { status: STATUS[error.code], code: error.code, message };
  }
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) return { status, code: status === 413 ? 'too-large' : 'request', message };
  return { status: 500, code: 'failure', message: 'the server failed; its log says why' };
}
