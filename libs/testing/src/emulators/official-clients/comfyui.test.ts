import { Client } from '@stable-canvas/comfyui-client';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { comfyuiEmulator, type Emulators, startEmulators } from '../index.ts';
import { guardGlobalFetch, loopbackFetch } from './loopback-only.ts';

let emulators: Emulators;
let stopGuard: () => void;

const graph = {
  '1': { class_type: 'LoadImage', inputs: { image: 'example.png' } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'a' } },
};

beforeAll(async () => {
  stopGuard = guardGlobalFetch();
  emulators = await startEmulators({ definitions: [comfyuiEmulator] });
});
afterEach(() => {
  expect(emulators.of('comfyui').violations).toEqual([]);
  emulators.of('comfyui').reset();
});
afterAll(async () => {
  await emulators.close();
  stopGuard();
});

function client(): Client {
  const emulator = emulators.of('comfyui');
  // It knows no keys, as the server itself does not.
  emulator.quirks.add('open');
  const base = new URL(emulator.base());
  return new Client({
    api_host: base.host,
    api_base: base.pathname,
    clientId: 'client-1',
    fetch: loopbackFetch,
    WebSocket,
  });
}

it('asks what the server has', async () => {
  const comfy = client();

  const defs = await comfy.getNodeDefs();
  const stats = await comfy.getSystemStats();

  expect(Object.keys(defs)).toContain('KSampler');
  expect(stats.system.comfyui_version).toBe('0.3.64');
});

it('queues a workflow, waits for it and reads its pictures', async () => {
  const emulator = emulators.of('comfyui');
  emulator.script({ states: ['running', 'succeeded'] });

  const waiting = client().enqueue_polling(graph, { polling_ms: 5 });
  const job = await vi.waitFor(() => {
    const [queued] = emulator.jobs.values();
    if (queued === undefined) throw new Error('nothing is queued');
    return queued;
  });
  // The client looks at the queue alone, which moves nothing.
  for (let step = 0; step < 2; step++) emulator.stepJob(job.id);
  const { images } = await waiting;

  expect(images).toMatchObject([{ type: 'url', data: expect.stringContaining('/view?') }]);
});
