/** What an answer of a platform holds: JSON with exact numbers, or a stream of events. */
import { AppError, JsonTooLarge, type ReadJsonOptions, readJson } from '@inferry/contracts';
import { createParser } from 'eventsource-parser';
import type { Reply } from './call.ts';

/** What came, whatever was asked for: a stream of events, or a whole answer. */
export type Answer = { events: AsyncIterable<ServerSentEvent> } | { json: unknown };

/** Tells a whole answer in JSON from a stream of events by what it begins with: servers give either to whoever asks for one. */
export async function readAnswer(reply: Reply<AsyncIterable<Uint8Array>>, title: string): Promise<Answer> {
  const source = reply.body[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  for (;;) {
    const next = await source.next();
    if (next.done === true) break;
    head.push(next.value);
    const begun = Buffer.concat(head)
      .toString('utf8')
      .replace(/^\ufeff/, '')
      .trimStart();
    if (begun === '') continue;
    if (!/^[[{]/.test(begun)) return { events: readEvents(joined(head, source), title) };
    break;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of joined(head, source)) chunks.push(chunk);
  const text = Buffer.concat(chunks);
  const json = parseJson(text);
  if (json !== undefined || text.byteLength === 0) return { json };
  const lines = linesOf(text.toString('utf8'));
  if (lines !== undefined) return { events: eventsOf(lines) };
  throw malformed(title, reply.status);
}

/** A value in JSON on each line, as servers of other APIs stream; undefined where one is none. */
function linesOf(text: string): string[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.length > 1 && lines.every((line) => parseJson(line) !== undefined) ? lines : undefined;
}

async function* eventsOf(lines: readonly string[]): AsyncGenerator<ServerSentEvent> {
  for (const data of lines) yield { event: 'message', data };
}

async function* joined(
  head: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** What a text says in JSON; undefined, which every schema refuses, when it says nothing in it or far too much. */
export function parseJson(text: string | Uint8Array, options: ReadJsonOptions = {}): unknown {
  try {
    const plain = typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
    return readJson(plain, { isLenient: true, ...options });
  } catch {
    return undefined;
  }
}

export interface ServerSentEvent {
  /** `message` when the stream names none. */
  event: string;
  data: string;
  id?: string;
}

/** The longest single event: a picture in base64 fits. */
const maxEventLength = 32 << 20;

/** The events of a stream (WHATWG HTML, server-sent events). It ends where the stream ends. */
export async function* readEvents(
  source: AsyncIterable<Uint8Array>,
  title: string,
): AsyncGenerator<ServerSentEvent> {
  const ready: ServerSentEvent[] = [];
  let isTooLong = false;
  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent: ({ event, data, id }) =>
      ready.push({ event: event ?? 'message', data, ...(id === undefined ? {} : { id }) }),
    onError: ({ type }) => {
      isTooLong ||= type === 'max-buffer-size-exceeded';
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of source) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (isTooLong) throw new AppError('upstream_malformed', `${title} sent an event that is too long.`);
    yield* ready.splice(0);
  }
  parser.reset({ consume: true });
  yield* ready.splice(0);
}

/** The platform took the call and answered something that is not in its contract. */
export function malformed(title: string, upstreamStatus: number, cause?: unknown): AppError {
  return new AppError('upstream_malformed', `${title} answered something that cannot be read.`, {
    upstreamStatus,
    cause,
  });
}

/**
 * JSON where it is JSON, text where it is not; nothing at all for an empty body. Whole numbers beyond 2^53 come as their
 * digits unless `integers` says otherwise, since most of them are identifiers. Throws `JsonTooLarge`.
 */
export function parseBody(bytes: Buffer, integers: ReadJsonOptions['integers'] = 'text'): unknown {
  const text = bytes.toString('utf8');
  if (text === '') return undefined;
  try {
    return readJson(text, { integers, isLenient: true });
  } catch (error) {
    if (error instanceof JsonTooLarge) throw error;
    // The schema says whether text will do.
    return text;
  }
}

/** A body that is too deep or too much is as little an answer as one of the wrong form. */
export function readable<T>(read: () => T, status: number, title: string): T {
  try {
    return read();
  } catch (error) {
    throw malformed(title, status, error);
  }
}
