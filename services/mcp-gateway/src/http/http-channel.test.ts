import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTelemetry } from '../telemetry.ts';
import { defaultTimings, HttpChannel, type LongAnswer, OpenStreams } from './http-channel.ts';

class Looked implements LongAnswer {
  place = -1;
  times = 0;
  tick(): void {
    this.times += 1;
  }
}

describe('the open streams of a process', () => {
  let streams: OpenStreams;
  beforeEach(() => {
    vi.useFakeTimers();
    streams = new OpenStreams(createTelemetry(), { ...defaultTimings, tickMs: 1_000 });
  });
  afterEach(() => {
    streams.close();
    vi.useRealTimers();
  });

  function open(count: number): Looked[] {
    const answers = Array.from({ length: count }, () => new Looked());
    for (const answer of answers) streams.add(answer);
    return answers;
  }
  const looks = (answers: readonly Looked[]) => answers.reduce((sum, { times }) => sum + times, 0);

  test('are looked at a tenth at a time, so that none of them waits for all others', () => {
    const answers = open(5_000);

    vi.advanceTimersByTime(100);

    expect(looks(answers)).toBe(500);
  });

  test.each([1, 7, 5_003])('%i of them are each looked at within little more than a tick', (count) => {
    const answers = open(count);

    vi.advanceTimersByTime(1_200);

    expect(answers.filter(({ times }) => times === 0)).toEqual([]);
  });

  test('are not looked at after their end, and new ones are', () => {
    const [first, ...others] = open(20);
    vi.advanceTimersByTime(100);
    const before = first?.times;
    for (const answer of [first, ...others]) if (answer !== undefined) streams.delete(answer);
    const [added] = open(1);

    vi.advanceTimersByTime(3_000);

    expect(first?.times).toBe(before);
    expect(added?.times).toBeGreaterThan(0);
  });
});

describe('an answer', () => {
  // ASCII, what has a byte in Latin-1 and two in UTF-8, and what has three and four.
  test.each([
    [true, 'plain'],
    [true, 'café, Straße'],
    [true, '東京 🗼'],
    [false, 'plain'],
    [false, 'café, Straße'],
    [false, '東京 🗼'],
  ])('arrives as it was said (as a stream: %s, %s)', async (isStream, said) => {
    const streams = new OpenStreams(createTelemetry());
    const server = createServer((_request, response) => {
      const channel = new HttpChannel({ response }, streams, true);
      if (isStream) channel.open();
      channel.notify(said);
      channel.finish(said);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    // as: it listens on TCP.
    const { port } = server.address() as AddressInfo;

    const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();

    streams.close();
    server.closeAllConnections();
    server.close();
    const event = `event: message\ndata: ${said}\n\n`;
    expect(text).toBe(isStream ? event + event : said);
  });

  test('sends what comes after a silence at once, and gathers what follows it', async () => {
    let now = 0;
    const timings = { ...defaultTimings, gatherMs: 1 };
    const streams = new OpenStreams(createTelemetry(), timings);
    streams.now = () => now;
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const sent: string[] = [];
    response.write = (chunk: unknown) => sent.push(String(chunk)) > 0;
    response.end = (chunk?: unknown) => {
      sent.push(String(chunk));
      return response;
    };
    const channel = new HttpChannel({ response }, streams, true);
    channel.open();
    await vi.waitFor(() => expect(response.headersSent).toBe(true), 30_000);
    timings.gatherMs = 60_000;

    now = timings.quietMs;
    for (const text of ['1', '2', '3']) channel.notify(text);
    const once = sent.length;
    channel.finish('4');
    streams.close();

    expect(once).toBe(1);
    expect(sent.map((piece) => piece.match(/data: \d/g))).toEqual([
      ['data: 1'],
      ['data: 2', 'data: 3', 'data: 4'],
    ]);
  });
});
