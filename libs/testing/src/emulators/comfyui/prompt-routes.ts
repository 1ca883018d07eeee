import { z } from 'zod';
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';
import { uploadsOf } from './file-routes.ts';
import { behindProxy } from './open-route.ts';
import { playToSocket, waitingIn } from './socket.ts';
import { validateGraph } from './validate-graph.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const PromptBody = z.strictObject({
  prompt: z.record(
    z.string(),
    z.strictObject({
      class_type: z.string(),
      inputs: z.record(z.string(), z.unknown()),
      _meta: z.strictObject({ title: z.string() }).optional(),
    }),
  ),
  prompt_id: z.string().regex(uuid).optional(),
  client_id: z.string().optional(),
  number: z.number().optional(),
  front: z.boolean().optional(),
  extra_data: z.record(z.string(), z.unknown()).optional(),
  partial_execution_targets: z.array(z.string()).optional(),
});

export function promptRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    behindProxy(emulator, {
      method: 'POST',
      path: '/prompt',
      kind: 'submit',
      body: PromptBody,
      // as: parsed by the route's schema.
      handle: ({ body }) => submit(emulator, body as z.infer<typeof PromptBody>),
    }),
    behindProxy(emulator, {
      method: 'GET',
      path: '/prompt',
      kind: 'other',
      handle: () => ({ exec_info: { queue_remaining: waitingIn(emulator) } }),
    }),
  ];
}

function submit(emulator: Emulator, body: z.infer<typeof PromptBody>): unknown {
  const { prompt: graph, prompt_id: wanted, client_id: clientId, extra_data: extra = {} } = body;
  if (Object.keys(graph).length === 0) throw refuse('no_prompt', 'No prompt provided');
  const { missing, outputs, nodeErrors } = validateGraph(graph, uploadsOf(emulator));
  if (missing !== undefined) throw emulator.refusal('unknown_model', missing);
  if (outputs.length === 0) throw refuse('prompt_no_outputs', 'Prompt has no outputs');
  if (Object.keys(nodeErrors).length > 0) {
    throw refuse('prompt_outputs_failed_validation', 'Prompt outputs failed validation', nodeErrors);
  }
  const id = wanted === undefined || emulator.quirks.has('own_ids') ? emulator.uuid() : wanted;
  const number = emulator.jobs.size + 1;
  const extraData = { ...extra, ...(clientId !== undefined && { client_id: clientId }) };
  const job = emulator.createJob({
    id,
    model: 'graph',
    input: graph,
    clientId,
    extra: { number, outputs, extraData },
  });
  playToSocket(emulator, job);
  // Outputs that are not valid are left out, and the others run.
  const refused = { errors: [], dependent_outputs: ['99'], class_type: 'SaveImage' };
  return { prompt_id: id, number, node_errors: job.failedOutputs > 0 ? { '99': refused } : {} };
}

function refuse(type: string, message: string, nodeErrors: object = {}): Refusal {
  const error = { type, message, details: '', extra_info: {} };
  return new Refusal({ status: 400, body: { error, node_errors: nodeErrors } });
}
