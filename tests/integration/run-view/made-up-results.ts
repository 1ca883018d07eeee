import type { Json } from '../support/app-host/app-host.ts';

const createdAt = '2026-11-21T10:00:00.000Z';
const finishedAt = '2026-11-21T10:00:06.400Z';

/** Arguments of a call, as an assistant makes one. */
export const input: Json = {
  model: 'acme/landscape-xl',
  input: { prompt: 'A mountain lake at dusk, with pine trees on the far shore and the first stars above.' },
};

export const callResult = (structuredContent: Json, rest: Json = {}): Json => ({
  content: [{ type: 'text', text: 'See the structure.' }],
  structuredContent,
  ...rest,
});

const run = (fields: Json): Json => ({
  run_id: 'run_4pXq0aBcDeFgHiJkLmNoPq',
  model: 'acme/landscape-xl',
  created_at: createdAt,
  ...fields,
});

export const ended = (fields: Json): Json =>
  callResult({
    run: run({
      status: 'succeeded',
      finished_at: finishedAt,
      cost: { currency: 'USD', charged: 0.07 },
      ...fields,
    }),
  });

const picture = (url: string): Json => ({ kind: 'image', url, mime_type: 'image/png', bytes: 120_000 });

/** Every look of the card, with pictures at `url`. */
export function looks(url: string): Record<string, Json | undefined> {
  const cost = { currency: 'USD', estimated: 0.09 };
  return {
    starting: undefined,
    queued: callResult({ run: run({ status: 'queued', queue_position: 4, cost }) }),
    running: callResult({ run: run({ status: 'running', progress: 0.42, cost }) }),
    picture: ended({ outputs: [picture(url)] }),
    pictures: ended({ outputs: [picture(url), picture(url), picture(url), picture(url)] }),
    mixed: ended({
      outputs: [
        { kind: '3d', url: `${url}.glb`, mime_type: 'model/gltf-binary', bytes: 4_200_000 },
        { kind: 'text', text: 'A caption.' },
        { kind: 'image', url: 'https://elsewhere.example/a.png', mime_type: 'image/png' },
      ],
    }),
    text: ended({ outputs: [{ kind: 'text', text: 'Once upon a time. '.repeat(80), truncated: true }] }),
    failed: callResult({
      run: run({ status: 'failed', finished_at: finishedAt }),
      error: {
        code: 'generate_failed',
        message: 'The model ran out of memory.',
        next_action: 'Use a smaller picture, or another model.',
        retry_after_seconds: 30,
      },
    }),
    cancelled: callResult({ run: run({ status: 'cancelled', finished_at: finishedAt, cost }) }),
    quoted: callResult({ quote: { currency: 'USD', max: 0.12 }, validation: [] }),
  };
}
