import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { FastifyInstance } from 'fastify';

/** What a server counts, for Prometheus. */
export interface ServeMetrics {
  readonly registry: Registry;
  readonly batches: Histogram<'model'>;
  readonly videos: Counter<'model' | 'result'>;
}

/** @param waiting videos that wait now */
export function createMetrics(app: FastifyInstance, waiting: () => number): ServeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'wbdc_request_seconds',
    help: 'Time of a request',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const batches = new Histogram({
    name: 'wbdc_batch_size',
    help: 'Videos that passed through a model together',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers,
  });
  const videos = new Counter({
    name: 'wbdc_videos_total',
    help: 'Videos by what came of them',
    labelNames: ['model', 'result'],
    registers,
  });
  new Gauge({
    name: 'wbdc_queue_length',
    help: 'Videos that wait for a model',
    registers,
    collect() {
      this.set(waiting());
    },
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'; // never the address itself: their number has no limit
    requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  return { registry, batches, videos };
}
