import { z } from 'zod';

const id = z.string().min(1).max(200);

/** A workflow in API format: nodes by id, with what goes into each. */
export const Graph = z.record(
  z.string(),
  z.looseObject({
    class_type: z.string(),
    inputs: z.record(z.string(), z.unknown()),
    _meta: z.looseObject({ title: z.string().optional() }).optional(),
  }),
);
export type Graph = z.infer<typeof Graph>;

export const Prompted = z.object({
  prompt_id: id,
  node_errors: z.record(z.string(), z.unknown()).nullish(),
});

/** `[number, id, graph, extra, outputs]`. */
const QueueItem = z.tuple([z.unknown(), id]).rest(z.unknown());
export const Queue = z.object({ queue_running: z.array(QueueItem), queue_pending: z.array(QueueItem) });
export type Queue = z.infer<typeof Queue>;

const Message = z.tuple([z.string(), z.unknown()]).rest(z.unknown());
export const HistoryEntry = z.object({
  prompt: z.array(z.unknown()).nullish(),
  outputs: z.record(z.string(), z.record(z.string(), z.unknown())).nullish(),
  status: z
    .object({
      status_str: z.string().nullish(),
      completed: z.boolean().nullish(),
      messages: z.array(Message).nullish(),
    })
    .nullish(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
export const History = z.record(z.string(), HistoryEntry);

export const StoredFile = z.object({
  filename: z.string().min(1).max(500),
  subfolder: z.string().max(500).nullish(),
  type: z.string().max(50).nullish(),
});
export type StoredFile = z.infer<typeof StoredFile>;

export const Uploaded = z.object({ name: id, subfolder: z.string().nullish() });

const InputSpec = z.array(z.unknown()).min(1);
const InputSpecs = z.record(z.string(), InputSpec).nullish();
export const NodeTypes = z.record(
  z.string(),
  z.looseObject({ input: z.looseObject({ required: InputSpecs, optional: InputSpecs }).nullish() }),
);
export type NodeTypes = z.infer<typeof NodeTypes>;

export const SystemStats = z.looseObject({
  system: z.looseObject({ comfyui_version: z.string().nullish() }).nullish(),
});

/** What comes over the socket as text. */
export const SocketEvent = z.object({
  type: z.string(),
  data: z.looseObject({
    prompt_id: z.string().nullish(),
    node: z.union([z.string(), z.number()]).nullish(),
    nodes: z.unknown().optional(),
    value: z.number().nullish(),
    max: z.number().nullish(),
  }),
});

export const NodeErrors = z.record(
  z.string(),
  z.looseObject({
    class_type: z.string().nullish(),
    errors: z
      .array(
        z.looseObject({
          message: z.string().nullish(),
          details: z.string().nullish(),
          extra_info: z.looseObject({ input_name: z.string().nullish() }).nullish(),
        }),
      )
      .nullish(),
  }),
);

/** Beside a workflow, `<name>.meta.json`: what its nodes' titles cannot say. */
export const SideFile = z.strictObject({
  title: z.string().max(120).optional(),
  summary: z.string().max(500).optional(),
  readme: z.string().max(20_000).optional(),
  inputs: z
    .record(
      z.string().regex(/^[a-zA-Z][\w-]{0,63}$/),
      z.strictObject({
        node: z.string(),
        field: z.string(),
        title: z.string().max(120).optional(),
        description: z.string().max(1_000).optional(),
        required: z.boolean().optional(),
      }),
    )
    .optional(),
});
export type SideFile = z.infer<typeof SideFile>;

/** A saved workflow, and what stands beside it. */
export interface WorkflowFile {
  /** Its path below the folder, without `.json`: the model's id. */
  name: string;
  graph: Graph;
  side: SideFile;
}
