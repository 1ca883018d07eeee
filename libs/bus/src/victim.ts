import { AppError, defineOwnTool } from '@inferry/contracts';
import { z } from 'zod';
import type { Bus } from './bus.ts';

/** A tool of the contract suite whose responder is killed while it answers. */
export const hold = defineOwnTool({
  name: 'suite_hold',
  title: 'Hold',
  description: 'Answers when told to finish.',
  toolset: 'run',
  scope: 'runs:read',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.object({}),
  output: z.object({ call_id: z.string().optional() }),
  present: () => [],
});

/** Takes calls of `hold`, tells that it has them, and answers none. */
export function serveAsVictim(bus: Bus): void {
  bus.serve(hold, async (_input, { callId, signal, progress }) => {
    progress({ progress: 0.5, message: 'held', data: { run_id: 'run-of-the-victim', call_id: callId } });
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    throw new AppError('cancelled', 'The call is not wanted any more.');
  });
}
