import { refusalOf, sizeInRange, type RangeClient } from './client.js';

/** An object behind `http://` or `https://`; a user and password in the address are sent as they are asked for. */
export function httpClient(address: string, headers: Readonly<Record<string, string>> = {}): RangeClient {
  const { url, authorization } = withoutUser(address);
  return {
    get: async (start, end, signal, version) => {
      const response = await fetch(url, {
        headers: {
          ...authorization,
          ...headers,
          range: `bytes=${start}-${end - 1}`,
          'accept-encoding': 'identity',
          // Weak tags compare as different by the rules of If-Match: those are compared below.
          ...(version !== undefined && version.startsWith('"') && { 'if-match': version }),
        },
        signal,
      });
      const { status, statusText, body } = response;
      const length = response.headers.get('content-range');
      const empty = status === 416 && length !== null && sizeInRange(length) === 0;
      if (!empty && (status !== 206 || body === null)) {
        await body?.cancel();
        throw refusalOf(status, statusText);
      }
      const found = response.headers.get('etag') ?? response.headers.get('last-modified') ?? undefined;
      if (version !== undefined && found !== version) {
        await body?.cancel();
        throw refusalOf(412, `${found ?? 'no version'} for ${version}`);
      }
      return { size: sizeInRange(length), version: found, body: empty ? none() : body! };
    },
  };
}

/** `fetch` refuses addresses with a user: HTTP's basic authentication (RFC 7617) instead. */
function withoutUser(address: string): { readonly url: string; readonly authorization?: { authorization: string } } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === '' && password === '') return { url: address };
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  [url.username, url.password] = ['', ''];
  return { url: url.href, authorization: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}

async function* none(): AsyncGenerator<Uint8Array> {
  // Nothing is in an empty file.
}
