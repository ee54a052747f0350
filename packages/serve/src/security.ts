import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServeError } from './errors.js';

export interface SecurityOptions {
  /** Bearer tokens of those who may ask; none: everybody who reaches the server. */
  readonly tokens: readonly string[];
  /** The address it listens on. */
  readonly host: string;
}

/** Asked without a token by load balancers, and by a browser before it has one. */
const OPEN = new Set(['/healthz', '/readyz', '/', '/assets/:name']);

/** Only own pages, scripts and pictures; nothing may frame them. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Who may ask for what, and what a browser may do with the answers. */
export function secure(app: FastifyInstance, { tokens, host }: SecurityOptions): void {
  const hashes = tokens.map(hashOf);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    assertHost(request, host);
    assertOrigin(request);
    if (hashes.length === 0 || OPEN.has(request.routeOptions.url ?? '')) return;
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && hashes.some((hash) => timingSafeEqual(hash, hashOf(token)))) return;
    reply.header('www-authenticate', 'Bearer');
    throw new ServeError({ expected: 'a bearer token of this server', got: token ? 'another' : 'none', code: 'token' });
  });
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Of a machine's own addresses only: a page elsewhere may give its name this address (DNS rebinding). */
function assertHost({ hostname }: FastifyRequest, host: string): void {
  const own = ['localhost', '127.0.0.1', '::1', '[::1]'];
  if (!own.includes(host) || own.includes(hostname)) return;
  const got = hostname.slice(0, 100);
  throw new ServeError({ expected: 'a request to this machine by its own name', got, code: 'forbidden' });
}

/** A browser says from which page a request comes: other sites may not use the server through their visitors. */
function assertOrigin({ headers, host }: FastifyRequest): void {
  const { origin } = headers;
  if (origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new ServeError({ expected: 'a request of its own page', got: origin.slice(0, 100), code: 'forbidden' });
}
