import { AppError } from '@inferry/contracts';
import type { Reply } from './call.ts';
import { parseJson } from './parse-json.ts';
import { readEvents, type ServerSentEvent } from './server-sent-events.ts';

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
  throw new AppError('upstream_malformed', `${title} answered something that cannot be read.`, {
    upstreamStatus: reply.status,
  });
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
