// One way to ask the server: same-origin JSON with the session's CSRF token; every failure is an `ApiError`.

import type { ErrorBody, Problem } from './schema';

export const API = '/api/v1';

/** Why a request failed, with everything a person needs to report it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = '',
    readonly requestId = '',
    readonly problems: Problem[] = [],
  ) {
    super(message);
  }
  /** No answer at all: the server is down or out of reach. */
  get unreachable() {
    return this.status === 0;
  }
  /** The same request may go well a moment later. */
  get passing() {
    return this.unreachable || this.status === 429 || this.status >= 502;
  }
}

let csrf = '';
/** Remembers the token that every change must repeat. */
export function setCsrf(token: string) {
  csrf = token;
}

let onSignedOut = () => {};
/** What to do when the session turns out to have ended. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** `?a=1&b=2` without the parts that say nothing. */
export function queryText(query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') parts.set(name, String(value));
  }
  const text = parts.toString();
  return text ? `?${text}` : '';
}

async function readError(answer: Response): Promise<ApiError> {
  const requestId = answer.headers.get('x-request-id') ?? '';
  const text = await answer.text().catch(() => '');
  try {
    const body = JSON.parse(text) as Partial<ErrorBody>;
    if (body.message) {
      return new ApiError(answer.status, body.message, body.hint, body.request_id || requestId, body.problems ?? []);
    }
  } catch {
    // Not one of our bodies, for example from a proxy in between.
  }
  const said = text && text.length < 300 && !text.startsWith('<') ? `: ${text.trim()}` : '';
  return new ApiError(answer.status, `the server answered ${answer.status} ${answer.statusText}${said}`, '', requestId);
}

async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (method !== 'GET') headers['x-lycaon-csrf'] = csrf;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(API + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'the server does not answer', 'Is `lycaon server` running? Is the network up?');
  }
  if (!answer.ok) {
    if (answer.status === 401 && path !== '/login' && path !== '/whoami') onSignedOut();
    throw await readError(answer);
  }
  return answer;
}

async function json<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  if (!text) return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(
      answer.status,
      'the answer is not JSON',
      'Something between here and the server answered in its place.',
    );
  }
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return json<T>(await send('GET', path + queryText(query), undefined, signal));
}
export async function post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return json<T>(await send('POST', path, body, signal));
}
export async function put<T>(path: string, body: unknown): Promise<T> {
  return json<T>(await send('PUT', path, body));
}

/** The first lines of an answer of JSON lines, however many there are. */
export async function getLines<T>(
  path: string,
  query: Query,
  most: number,
  signal?: AbortSignal,
): Promise<{ lines: T[]; more: boolean }> {
  const answer = await send('GET', path + queryText(query), undefined, signal);
  const reader = answer.body?.getReader();
  if (!reader) return { lines: [], more: false };
  const decoder = new TextDecoder();
  const lines: T[] = [];
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const parts = rest.split('\n');
    rest = done ? '' : (parts.pop() ?? '');
    for (const text of parts) {
      if (!text.trim()) continue;
      if (lines.length === most) {
        // What else there is stays where it is.
        await reader.cancel().catch(() => {});
        return { lines, more: true };
      }
      lines.push(JSON.parse(text) as T);
    }
    if (done) return { lines, more: false };
  }
}

/** A path part, safe for names with slashes or blanks. */
export const part = (text: string) => encodeURIComponent(text);
