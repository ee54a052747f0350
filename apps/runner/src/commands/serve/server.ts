import { basename, resolve } from 'node:path';
import { hubSettings } from '@wbdc/checkpoints/node';
import { openTrained, type TrainedModel } from '@wbdc/pipeline';
import { findModel } from '@wbdc/pipeline/node';
import { openIndex, type VideoIndex } from '@wbdc/search';
import { startServer } from '@wbdc/serve';
import { decodeWorkers } from '@wbdc/video-features';
import { UserError } from '../../core/errors.js';
import { observed } from '../../core/observer.js';
import { Output } from '../../core/output.js';
import { configOf, loadEngine } from '../run-stage.js';
import type { ServerOptions } from '../serve-options.js';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** `wbdc serve`: serves until the signal says that it is enough. */
export async function serveModels(options: ServerOptions, all: Output, signal: AbortSignal): Promise<void> {
  const { terminal } = all;
  // stdout is the log's.
  const output = new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false });
  const from = (path: string): string => resolve(terminal.folder, path);
  const named = namedFolders(options.model);
  if (named.size === 0 && options.index === undefined) {
    throw new UserError('expected --model <name=folder> or --index <index>, got neither', 2);
  }
  const tokens = (terminal.env['WBDC_TOKENS'] ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter(Boolean);
  if (!LOOPBACK.includes(options.host) && tokens.length === 0) {
    output.warn(`everybody who reaches ${options.host} may ask: set WBDC_TOKENS to let only some`);
  }
  const workers = decodeWorkers({ threads: options.decoders });
  const models: Record<string, TrainedModel> = {};
  let index: VideoIndex | undefined;
  try {
    if (named.size > 0) await loadEngine(await configOf(options, output), output);
    for (const [name, folder] of named) {
      const finding = { from: terminal.folder, hub: hubSettings(terminal.env), signal };
      const found = await observed(output, (observer) => findModel(folder, { ...finding, observer }));
      const tower = options.tower && { tower: from(options.tower) };
      models[name] = await openTrained(found, { ...tower, decode: workers.decode, signal });
      output.say(`model    ${name}: ${found}`);
    }
    const place = options.index;
    if (place !== undefined) index = await openIndex(place.includes('://') ? place : from(place), { create: true });
    const server = await startServer({
      ...{ models, tokens, host: options.host, port: options.port, vectors: options.as, decode: workers.decode },
      ...(index && { index }),
      media: options.media.map(from),
      ...(options.corrections !== undefined && { corrections: from(options.corrections) }),
      limits: { batchSize: options.batch, batchWaitMs: options.wait, queue: options.queue, timeoutMs: options.timeout },
      log: terminal.stdout,
    });
    output.say(`serving  ${server.url}`);
    if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
    await server.close();
  } finally {
    await index?.close();
    for (const model of Object.values(models)) await model.close();
    await workers.close();
  }
}

/** Folders of models by their names; a folder alone is called as it is. */
function namedFolders(models: readonly string[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const text of models) {
    const [, name, folder] = /^([\w-]{1,64})=(.+)$/.exec(text) ?? [undefined, basename(text), text];
    if (named.has(name)) throw new UserError(`--model: expected every name once, got '${name}' again`, 2);
    named.set(name, folder);
  }
  return named;
}
