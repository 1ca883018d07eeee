import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { comfyuiEmulator } from '../index.ts';
import { openSpecified, type Specified } from './specified.ts';

/** What the source of the server (0.3.64) answers; written from it, not from the adapter. */
const graph = {
  5: { class_type: 'EmptyLatentImage', inputs: { width: 512, height: 512, batch_size: 1 } },
  8: { class_type: 'LoadImage', inputs: { image: 'example.png' } },
  9: { class_type: 'SaveImage', inputs: { images: ['8', 0], filename_prefix: 'a' } },
};
const Item = z.tuple([
  z.number(),
  z.uuid(),
  z.record(z.string(), z.unknown()),
  z.record(z.string(), z.unknown()),
  z.array(z.string()),
]);
const File = z.strictObject({
  filename: z.string(),
  subfolder: z.string(),
  type: z.enum(['output', 'temp', 'input']),
});
const Entry = z.strictObject({
  prompt: Item,
  outputs: z.record(z.string(), z.record(z.string(), z.array(File))),
  status: z.strictObject({
    status_str: z.enum(['success', 'error']),
    completed: z.boolean(),
    messages: z.array(z.tuple([z.string(), z.looseObject({ prompt_id: z.uuid(), timestamp: z.int() })])),
  }),
  meta: z.record(z.string(), z.unknown()),
});
const Node = z.strictObject({
  input: z.strictObject({
    required: z.record(z.string(), z.tuple([z.union([z.string(), z.array(z.string())])]).rest(z.unknown())),
    optional: z.record(z.string(), z.unknown()).optional(),
    hidden: z.record(z.string(), z.unknown()).optional(),
  }),
  input_order: z.record(z.string(), z.array(z.string())),
  output: z.array(z.string()),
  output_is_list: z.array(z.boolean()),
  output_name: z.array(z.string()),
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  python_module: z.string(),
  category: z.string(),
  output_node: z.boolean(),
});
const Refused = z.strictObject({
  error: z.strictObject({
    type: z.string(),
    message: z.string(),
    details: z.string(),
    extra_info: z.record(z.string(), z.unknown()),
  }),
  node_errors: z.record(
    z.string(),
    z.strictObject({
      errors: z.array(z.object({ type: z.string(), message: z.string(), details: z.string() })),
      dependent_outputs: z.array(z.string()),
      class_type: z.string(),
    }),
  ),
});
const Queue = z.strictObject({ queue_running: z.array(Item), queue_pending: z.array(Item) });
const left = z.strictObject({ exec_info: z.strictObject({ queue_remaining: z.int() }) });

describe('the emulated ComfyUI answers as its source does', () => {
  let platform: Specified;
  beforeAll(async () => {
    platform = await openSpecified(comfyuiEmulator);
  });
  afterEach(() => {
    expect(platform.emulator.violations).toEqual([]);
    platform.emulator.reset();
  });
  afterAll(() => platform.close());

  const submit = async () => {
    platform.emulator.files.set('input//example.png', { bytes: Buffer.from('x'), contentType: 'image/png' });
    const Taken = z.strictObject({
      prompt_id: z.uuid(),
      number: z.number(),
      node_errors: z.record(z.string(), z.unknown()),
    });
    const { body } = await platform.ask('/prompt', { json: { prompt: graph } });
    return Taken.parse(body).prompt_id;
  };

  it.each(['succeeded', 'failed', 'cancelled'] as const)('to a graph that has %s', async (end) => {
    platform.emulator.script({ states: ['queued', 'running', end] });
    const id = await submit();
    expect(Queue.safeParse((await platform.ask('/queue')).body).error).toBeUndefined();
    expect(left.parse((await platform.ask('/prompt')).body).exec_info.queue_remaining).toBe(1);
    const seen = [];
    for (let looks = 0; looks < 4; looks++) seen.push((await platform.ask(`/history/${id}`)).body);

    expect(seen[0]).toEqual({});
    const entry = z.strictObject({ [id]: Entry }).safeParse(seen.at(-1));
    expect(entry.error).toBeUndefined();
    expect(entry.data?.[id]?.status.status_str).toBe(end === 'succeeded' ? 'success' : 'error');
    // What has ended waits no more.
    expect(left.parse((await platform.ask('/prompt')).body).exec_info.queue_remaining).toBe(0);
  });

  it('to what it has, to a graph that cannot run, and to a file', async () => {
    const nodes = z.record(z.string(), Node).safeParse((await platform.ask('/object_info')).body);
    const refused = await platform.ask('/prompt', { json: { prompt: {} } });
    const kept = await platform.ask('/upload/image', {
      form: { image: new globalThis.File(['x'], 'a.png') },
    });

    expect(nodes.error).toBeUndefined();
    expect([refused.status, Refused.safeParse(refused.body).error]).toEqual([400, undefined]);
    expect(kept.body).toEqual({ name: 'a.png', subfolder: '', type: 'input' });
  });
});
