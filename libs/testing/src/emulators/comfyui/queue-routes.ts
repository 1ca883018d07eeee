import { z } from 'zod';
import type { EmulatedCall, EmulatedJob, EmulatedRoute, Emulator } from '../kit/index.ts';
import { toHistory } from './history.ts';
import { behindProxy } from './open-route.ts';

const QueueBody = z.strictObject({ delete: z.array(z.string()).optional(), clear: z.boolean().optional() });
const InterruptBody = z.union([z.undefined(), z.strictObject({ prompt_id: z.string().optional() })]);

/** The queue, what ran, and how both are stopped. */
export function queueRoutes(emulator: Emulator): EmulatedRoute[] {
  const jobsIn = (...states: EmulatedJob['state'][]) =>
    [...emulator.jobs.values()].filter(({ state }) => states.includes(state)).map(toQueueItem);
  return [
    behindProxy(emulator, {
      method: 'GET',
      path: '/queue',
      kind: 'result',
      handle: () => ({ queue_running: jobsIn('running', 'unknown'), queue_pending: jobsIn('queued') }),
    }),
    behindProxy(emulator, {
      method: 'POST',
      path: '/queue',
      kind: 'cancel',
      body: QueueBody,
      handle({ body, reply }) {
        // as: parsed by the route's schema.
        for (const id of (body as z.infer<typeof QueueBody>).delete ?? []) {
          if (emulator.jobs.get(id)?.state === 'queued') emulator.jobs.delete(id);
        }
        return empty(reply);
      },
    }),
    behindProxy(emulator, {
      method: 'POST',
      path: '/interrupt',
      kind: 'cancel',
      body: InterruptBody,
      handle({ body, reply }) {
        const running = [...emulator.jobs.values()].find(({ state }) => state === 'running');
        // as: parsed by the route's schema.
        const id = (body as z.infer<typeof InterruptBody>)?.prompt_id ?? running?.id;
        if (running !== undefined && running.id === id) running.state = 'cancelled';
        return empty(reply);
      },
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/history/:id',
      kind: 'status',
      handle: ({ params }) => toHistory(emulator, emulator.stepJob(params.id ?? '')),
    }),
    behindProxy(emulator, {
      method: 'POST',
      path: '/history',
      kind: 'other',
      body: QueueBody,
      handle({ body, reply }) {
        // as: parsed by the route's schema.
        for (const id of (body as z.infer<typeof QueueBody>).delete ?? []) {
          if (emulator.jobs.get(id)?.state !== 'running') emulator.jobs.delete(id);
        }
        return empty(reply);
      },
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/history',
      kind: 'other',
      query: ['max_items', 'offset'],
      handle: () => Object.assign({}, ...[...emulator.jobs.values()].map((job) => toHistory(emulator, job))),
    }),
  ];
}

function toQueueItem({ id, input, extra }: EmulatedJob): unknown[] {
  return [extra.number, id, input, extra.extraData, extra.outputs];
}

function empty(reply: EmulatedCall['reply']): undefined {
  reply.hijack();
  reply.raw.writeHead(200).end();
  return undefined;
}
