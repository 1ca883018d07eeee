import { z } from 'zod';

/**
 * Parts of MCP results as services write and the gateway passes them on, under MCP's own field names
 * (MCP 2026-07-28, server/prompts and server/resources).
 */
const mimeType = z.string().max(200).optional();
const title = z.string().max(200).optional();
const description = z.string().max(2_000).optional();
const uri = z.string().min(1).max(2_048);

export const OfferedPrompt = z.object({
  name: z.string().min(1).max(128),
  title,
  description,
  arguments: z
    .array(
      z.object({ name: z.string().min(1).max(128), title, description, required: z.boolean().optional() }),
    )
    .max(64)
    .optional(),
});
export type OfferedPrompt = z.infer<typeof OfferedPrompt>;

export const PromptMessage = z.object({
  role: z.enum(['user', 'assistant']),
  /** A content block of any type that MCP has. */
  content: z.looseObject({ type: z.string() }),
});
export type PromptMessage = z.infer<typeof PromptMessage>;

export const OfferedResource = z.object({
  uri,
  name: z.string().min(1).max(300),
  title,
  description,
  mimeType,
  size: z.int().min(0).optional(),
});
export type OfferedResource = z.infer<typeof OfferedResource>;

export const OfferedTemplate = z.object({
  /** RFC 6570. */
  uriTemplate: uri,
  name: z.string().min(1).max(300),
  title,
  description,
  mimeType,
});
export type OfferedTemplate = z.infer<typeof OfferedTemplate>;

/** What extensions say of a resource, such as `ui` (SEP-1865). */
const meta = z.record(z.string(), z.unknown()).optional();

/** Text, or base64 for what is small; what is not small is told by a link. */
export const ResourceContents = z.union([
  z.object({ uri, mimeType, text: z.string(), _meta: meta }),
  z.object({ uri, mimeType, blob: z.string(), _meta: meta }),
]);
export type ResourceContents = z.infer<typeof ResourceContents>;

/** What every host loads; a larger skill may be refused (Skills extension, limits). */
export const maxSkillFiles = 512;
export const maxSkillBytes = 16 * 1_024 * 1_024;

/** A skill with all its files (Skills extension, skill entries). */
export const OfferedSkill = z.object({
  /** Of its SKILL.md. */
  uri,
  /** The YAML of that file, as it stands there. */
  frontmatter: z.looseObject({ name: z.string().min(1).max(64), description: z.string().min(1).max(1_024) }),
  resources: z
    .array(
      z.object({
        uri,
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        size: z.int().min(0),
        mimeType: z.string().max(200),
      }),
    )
    .min(1)
    .max(maxSkillFiles),
});
export type OfferedSkill = z.infer<typeof OfferedSkill>;
