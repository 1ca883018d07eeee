import { z } from 'zod';
import { defineRpc, type RpcContract } from '../operation.ts';
import {
  OfferedPrompt,
  OfferedResource,
  OfferedSkill,
  OfferedTemplate,
  PromptMessage,
  ResourceContents,
} from './shapes.ts';

const DescribeInput = z.object({ known_version: z.string().max(200).optional() });

/** What changes only with an event: the gateway keeps it, so that listing costs no message. */
export const SurfaceDescription = z.object({
  /** The scope that opens all of it. */
  scope: z.string(),
  prompts: z.array(OfferedPrompt).max(1_000),
  /** Prompts that are for those alone who can use a provider, by name. */
  prompt_providers: z.record(z.string(), z.string().max(64)).optional(),
  /** The models that prompts lead to, by the prompts' names. */
  prompt_models: z.record(z.string(), z.string().max(300)).optional(),
  templates: z.array(OfferedTemplate).max(100),
  /** Whose resources these are: a URI that begins with one of them is read here; the longest match decides. */
  uri_prefixes: z.array(z.string().min(1).max(200)).max(20),
  /** Their files are read like all resources here. */
  skills: z.array(OfferedSkill).max(200).optional(),
});
export type SurfaceDescription = z.infer<typeof SurfaceDescription>;

const DescribeOutput = z.object({
  /** Another one whenever a list is another one; the same on all replicas that offer the same. */
  version: z.string().max(200),
  /** Absent when the version is the one that the caller knows. */
  description: SurfaceDescription.optional(),
});

const GetPromptInput = z.object({
  name: z.string().max(128),
  arguments: z.record(z.string(), z.string()),
});
const GetPromptOutput = z.object({
  description: z.string().max(2_000).optional(),
  messages: z.array(PromptMessage).max(100),
});

const ListResourcesInput = z.object({ cursor: z.string().max(2_000).optional() });
const ListResourcesOutput = z.object({
  items: z.array(OfferedResource).max(200),
  next_cursor: z.string().max(2_000).optional(),
});

const ReadResourceInput = z.object({ uri: z.string().max(2_048) });
const ReadResourceOutput = z.object({
  contents: z.array(ResourceContents).min(1).max(100),
  /** How long the caller's own cache may keep it; 0 while it changes. */
  ttl_ms: z.int().min(0),
});

/** The most values that one completion may have (MCP 2026-07-28, completion). */
export const maxCompletions = 100;

const CompleteInput = z.object({
  /** The name of a prompt, or the URI template of a resource. */
  ref: z.union([z.object({ prompt: z.string().max(128) }), z.object({ template: z.string().max(2_048) })]),
  argument: z.object({ name: z.string().max(128), value: z.string().max(2_000) }),
  /** Arguments that are settled already. */
  context: z.record(z.string(), z.string()),
});
const CompleteOutput = z.object({
  values: z.array(z.string()).max(maxCompletions),
  total: z.int().min(0).optional(),
  has_more: z.boolean(),
});
export type Completion = z.infer<typeof CompleteOutput>;

/**
 * What a service offers to MCP clients beside tools: prompts, resources, skills and completion of arguments. Every
 * service that has such a surface answers the same requests on subjects of its own; the gateway knows their names
 * from its configuration and nothing else about them.
 */
export interface Surface {
  service: string;
  describe: RpcContract<typeof DescribeInput, typeof DescribeOutput>;
  /** Errors: `prompt_not_found`, `validation_failed`. */
  getPrompt: RpcContract<typeof GetPromptInput, typeof GetPromptOutput>;
  /** Errors: `invalid_cursor`. */
  listResources: RpcContract<typeof ListResourcesInput, typeof ListResourcesOutput>;
  /** Errors: `resource_not_found`, for what is somebody else's too. */
  readResource: RpcContract<typeof ReadResourceInput, typeof ReadResourceOutput>;
  /** Never fails for an argument that nothing is known about: it has no values then. */
  complete: RpcContract<typeof CompleteInput, typeof CompleteOutput>;
}

/** The requests of one service's surface. */
export function surfaceOf(service: string): Surface {
  const subject = (verb: string) => `rpc.v1.${service}.${verb}`;
  return {
    service,
    describe: defineRpc({
      subject: subject('describe_surface'),
      input: DescribeInput,
      output: DescribeOutput,
    }),
    getPrompt: defineRpc({ subject: subject('get_prompt'), input: GetPromptInput, output: GetPromptOutput }),
    listResources: defineRpc({
      subject: subject('list_resources'),
      input: ListResourcesInput,
      output: ListResourcesOutput,
    }),
    readResource: defineRpc({
      subject: subject('read_resource'),
      input: ReadResourceInput,
      output: ReadResourceOutput,
    }),
    complete: defineRpc({ subject: subject('complete'), input: CompleteInput, output: CompleteOutput }),
  };
}
