import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTelemetry } from '../telemetry.ts';
import { defaultTimings, type LongAnswer, OpenStreams } from './http-channel.ts';

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
