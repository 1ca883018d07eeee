import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runToTheEnd, type Story } from './emulated/agent.ts';
import type { ClientHabits } from './emulated/client.ts';
import { createSlowPlatform, type EmulatedSystem, startEmulatedSystem } from './emulated/system.ts';

const runMs = 600_000;
const stepMs = 500;
/** Turns of the event loop in which everything on the sockets of this process arrives. */
const turnsPerStep = 12;

interface Row extends ClientHabits {
  /** Asks for a longer wait than its client has, as an agent may, with a key that makes a repetition safe. */
  insists: boolean;
}

/** Those of the table of waiting times are there under their names too. */
const cutOffs = [
  { seconds: 30, names: ['some-agent'] },
  { seconds: 45, names: ['some-agent'] },
  { seconds: 60, names: ['some-agent', 'codex-mcp-client'] },
  { seconds: 120, names: ['some-agent'] },
  { seconds: 240, names: ['some-agent', 'claude-ai'] },
  { seconds: 300, names: ['some-agent', 'claude-code'] },
];

const rows: Row[] = cutOffs.flatMap(({ seconds: cutOffSeconds, names }) =>
  names.flatMap((name) =>
    [true, false].flatMap((hasToken) =>
      [true, false].flatMap((resets) =>
        (['modern', 'legacy'] as const).flatMap((era) =>
          [false, true].map((insists) => ({ name, era, cutOffSeconds, hasToken, resets, insists })),
        ),
      ),
    ),
  ),
);

function titleOf({ name, era, cutOffSeconds, hasToken, resets }: Row): string {
  return `${name}, ${era}, gives up after ${cutOffSeconds} s, ${hasToken ? 'with' : 'without'} a token, ${
    resets ? 'counts anew' : 'does not count anew'
  }`;
}

const platform = createSlowPlatform(runMs);
const stories = new Map<Row, Story>();
let system: EmulatedSystem | undefined;

/** Runs every client against the same two gateways; ten minutes pass in seconds. */
beforeAll(async () => {
  const nextTurn = globalThis.setImmediate;
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  let isOver = false;
  const clock = (async () => {
    while (!isOver) {
      await vi.advanceTimersByTimeAsync(stepMs);
      for (let turn = 0; turn < turnsPerStep; turn += 1) await new Promise((resolve) => nextTurn(resolve));
    }
  })();
  try {
    system = await startEmulatedSystem(platform);
    const { urls } = system;
    await Promise.all(
      rows.map(async (row, at) => {
        const wish = row.insists ? { client_ref: `agent-${at}`, wait_seconds: 600 } : {};
        const args = { model: 'slow/model', input: {}, ...wish };
        stories.set(row, await runToTheEnd(row, urls, { tool: 'run_model', args }));
      }),
    );
  } finally {
    isOver = true;
    await clock;
    vi.useRealTimers();
  }
}, 300_000);

afterAll(() => system?.close());

describe('a client that follows what it is told gets the output of a run of ten minutes, and is never cut off', () => {
  it.each(rows.filter(({ insists }) => !insists).map((row) => [titleOf(row), row] as const))(
    '%s',
    (_title, row) => {
      const story = stories.get(row);

      expect(story).toMatchObject({ cutOffs: 0, isOrdered: true });
      expect(story?.runIds).toHaveLength(1);
      expect(story?.output).toBe(`output of ${story?.runIds[0]}`);
      expect(platform.submissions.get(story?.runIds[0] ?? '')).toBe(1);
    },
  );
});

describe('an agent that wants to wait longer than its client can gets the output too, from one run [RF-29]', () => {
  it.each(rows.filter(({ insists }) => insists).map((row) => [titleOf(row), row] as const))(
    '%s',
    (_title, row) => {
      const story = stories.get(row);

      expect(story?.runIds).toHaveLength(1);
      expect(story?.output).toBe(`output of ${story?.runIds[0]}`);
      expect(platform.submissions.get(story?.runIds[0] ?? '')).toBe(1);
    },
  );
});

it('starts no run that nobody gets', () => {
  expect(platform.submissions.size).toBe(rows.length);
});
