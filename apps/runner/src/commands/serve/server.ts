import { resolve } from 'node:path';
import { untilAborted } from '@wbdc/io/interrupt';
import { hubSettings } from '@wbdc/checkpoints/node';
import { openIndex, type VideoIndex } from '@wbdc/search';
import { openModels, startServer, type OpenModels } from '@wbdc/serve';
import { decodeWorkers } from '@wbdc/video-features';
import { UserError } from '../../core/errors.js';
import { observed } from '../../core/observer.js';
import { onnxOf } from '../../config/onnx.js';
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
  const asked = options.model.length + options.clip.length;
  if (asked === 0 && options.index === undefined) {
    throw new UserError('expected --model <name=folder>, --clip <name=folder> or --index <index>, got none', 2);
  }
  const tokens = (terminal.env['WBDC_TOKENS'] ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter(Boolean);
  if (!LOOPBACK.includes(options.host) && tokens.length === 0) {
    output.warn(`everybody who reaches ${options.host} may ask: set WBDC_TOKENS to let only some`);
  }
  const workers = decodeWorkers({ threads: options.decoders });
  let opened: OpenModels | undefined;
  let index: VideoIndex | undefined;
  try {
    const config = await configOf(options, output);
    if (asked > 0) await loadEngine(config, output);
    const onnx = asked > 0 ? await onnxOf(config) : undefined;
    opened = await observed(output, (observer) =>
      openModels({
        ...{ models: options.model, clips: options.clip, from: terminal.folder, hub: hubSettings(terminal.env) },
        ...(options.tower !== undefined && { tower: options.tower }),
        ...{ decode: workers.decode, signal, observer, onnx },
        onOpen: (name, where) => output.say(`model    ${name}: ${where}`),
      }),
    );
    const place = options.index;
    if (place !== undefined) index = await openIndex(place.includes('://') ? place : from(place), { create: true });
    const server = await startServer({
      ...{
        models: opened.models,
        tokens,
        host: options.host,
        port: options.port,
        vectors: options.as,
        decode: workers.decode,
      },
      ...(index && { index }),
      media: options.media.map(from),
      ...(options.corrections !== undefined && { corrections: from(options.corrections) }),
      limits: { batchSize: options.batch, batchWaitMs: options.wait, queue: options.queue, timeoutMs: options.timeout },
      log: terminal.stdout,
    });
    output.say(`serving  ${server.url}`);
    await untilAborted(signal);
    await server.close();
  } finally {
    await index?.close();
    await opened?.close();
    await workers.close();
  }
}
