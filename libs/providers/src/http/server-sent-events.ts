import { AppError } from '@inferry/contracts';
import { createParser } from 'eventsource-parser';

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
