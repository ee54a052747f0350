/** A video that was found, as the server tells it. */
export interface Hit {
  readonly id: string;
  readonly title: string;
  readonly ocr: string;
  readonly asr: string;
  readonly categories: readonly string[];
  readonly tags: readonly string[];
  /** How its file is shown; absent where the server does not give it. */
  readonly plays?: 'video' | 'image';
  readonly score: number;
  readonly ranks: Readonly<Record<string, { readonly rank: number; readonly score: number }>>;
}

export interface Facet {
  readonly name: string;
  readonly count: number;
}

export interface Facets {
  readonly categories: readonly Facet[];
  readonly tags: readonly Facet[];
}

/** What is looked for: words, a video of the index, or a file. */
export interface Search {
  readonly words?: string;
  readonly like?: { readonly id: string; readonly title: string };
  readonly file?: File;
}

export interface Filter {
  readonly categories: readonly string[];
  readonly tags: readonly string[];
}

/** A word and what it adds. */
export interface Weight {
  readonly text: string;
  readonly weight: number;
}

export interface Explanation {
  /** Cosines of single frames; absent where the file cannot be read. */
  readonly frames?: readonly number[];
  /** What the cosine loses without each part of the title. */
  readonly words: readonly Weight[];
  /** How much of each token and frame the model has looked at. */
  readonly attention?: {
    readonly tokens: readonly { readonly text: string; readonly share: number }[];
    readonly frames: readonly number[];
  };
  /** What the cosine with the video loses without each of the words that were looked for. */
  readonly asked?: readonly Weight[];
}

/** The server wants a token. */
export class TokenError extends Error {}

const TOKEN = 'wbdc-token';

export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

async function ask(path: string, body: BodyInit | object | undefined, method = 'POST'): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN);
  const json = body !== undefined && !(body instanceof FormData);
  const response = await fetch(path, {
    method,
    headers: {
      ...(json && { 'content-type': 'application/json' }),
      ...(token !== null && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: json ? JSON.stringify(body) : (body as FormData) }),
  });
  if (response.status === 401) throw new TokenError();
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
  throw new Error(answer?.error?.message ?? `${response.status}`);
}

export async function search({ words, like, file }: Search, filter: Filter, offset: number): Promise<Hit[]> {
  const query = { ...(words && { words }), filter, offset, limit: 24 };
  let response: Response;
  if (file !== undefined) {
    const form = new FormData();
    form.set('search', JSON.stringify(query));
    form.set('video', file);
    response = await ask('/v1/search/upload', form);
  } else response = await ask('/v1/search', { ...query, ...(like && { like: like.id }) });
  return ((await response.json()) as { hits: Hit[] }).hits;
}

export async function facets(): Promise<Facets> {
  return (await (await ask('/v1/facets', {})).json()) as Facets;
}

export async function explain(id: string, { words, like }: Search): Promise<Explanation> {
  const body = { id, ...(words && { words }), ...(like && { like: like.id }) };
  return (await (await ask('/v1/explain', body)).json()) as Explanation;
}

export async function correct(id: string, labels: { categories: string[]; tags: string[] }): Promise<void> {
  await ask(`/v1/videos/${encodeURIComponent(id)}/labels`, labels);
}

/** Where a picture or a file of a video is, for the page's elements, which send no token: then it is fetched first. */
export async function sourceOf(id: string, what: 'thumbnail' | 'media'): Promise<string> {
  const path = `/v1/videos/${encodeURIComponent(id)}/${what}`;
  if (sessionStorage.getItem(TOKEN) === null) return path;
  return URL.createObjectURL(await (await ask(path, undefined, 'GET')).blob());
}
