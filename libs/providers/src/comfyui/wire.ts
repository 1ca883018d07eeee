import { z } from 'zod';
import { maybe } from '../http/index.ts';

const id = z.string().min(1).max(200);

/** A workflow in API format: nodes by id, with what goes into each. */
export const Graph = z.record(
  z.string(),
  z.looseObject({
    class_type: z.string(),
    inputs: z.record(z.string(), z.unknown()),
    _meta: maybe(z.looseObject({ title: maybe(z.string()) })),
  }),
);
export type Graph = z.infer<typeof Graph>;

export const Prompted = z.object({
  prompt_id: id,
  node_errors: maybe(z.record(z.string(), z.unknown())),
});

/** `[number, id, graph, extra, outputs]`. */
const QueueItem = z.tuple([z.unknown(), id]).rest(z.unknown());
export const Queue = z.object({ queue_running: z.array(QueueItem), queue_pending: z.array(QueueItem) });
export type Queue = z.infer<typeof Queue>;

/** What nodes put here is theirs: each output is looked at by itself, so that an odd one takes no other away. */
export const HistoryEntry = z.object({
  prompt: maybe(z.array(z.unknown())),
  outputs: maybe(z.record(z.string(), z.unknown())),
  status: maybe(
    z.object({
      status_str: maybe(z.string()),
      completed: maybe(z.boolean()),
      messages: maybe(z.array(z.unknown())),
    }),
  ),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
export const History = z.record(z.string(), z.unknown());
export const Message = z.tuple([z.string(), z.unknown()]).rest(z.unknown());

export const StoredFile = z.object({
  filename: z.string().min(1).max(500),
  subfolder: maybe(z.string().max(500)),
  type: maybe(z.string().max(50)),
});
export type StoredFile = z.infer<typeof StoredFile>;

export const Uploaded = z.object({ name: id, subfolder: maybe(z.string()) });

/** One node as `/object_info` has it. A declaration that is none says nothing of its field, and no more than that. */
const InputSpecs = maybe(z.record(z.string(), maybe(z.array(z.unknown()).min(1))));
export const NodeType = z.looseObject({
  input: maybe(z.looseObject({ required: InputSpecs, optional: InputSpecs })),
});
export type NodeTypes = Readonly<Record<string, z.infer<typeof NodeType>>>;
export const NodeList = z.record(z.string(), z.unknown());

export const SystemStats = z.looseObject({
  system: z.unknown().optional(),
});

/** What comes over the socket as text. */
export const SocketEvent = z.object({
  type: z.string(),
  data: z.looseObject({
    prompt_id: maybe(z.string()),
    node: maybe(z.union([z.string(), z.number()])),
    nodes: z.unknown().optional(),
    value: maybe(z.number()),
    max: maybe(z.number()),
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
  /** Its path below the folder, without `.json`, percent-encoded where an id cannot hold it: the model's id. */
  name: string;
  graph: Graph;
  side: SideFile;
}
