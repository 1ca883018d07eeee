/** What this server writes, under the protocol's own names; `wire.test.ts` holds each type against the official SDK's. */
import type {
  ContentBlock,
  InputRequests,
  JsonObject,
  OfferedPrompt,
  OfferedResource,
  OfferedTemplate,
  PromptMessage,
  ResourceContents,
  TaskState,
  ToolAnnotations,
  ToolUi,
} from '@inferry/contracts';

/** MCP `Icon` (MCP 2025-11-25, basic). */
export interface Icon {
  src: string;
  mimeType?: string;
  sizes?: string[];
}

/** Icons are told at the start alone: every result of the modern era repeats the rest. */
export interface Implementation {
  name: string;
  title?: string;
  version: string;
  icons?: Icon[];
}

/** As far as this server has them. */
export interface ServerCapabilities {
  tools?: { listChanged: boolean };
  prompts?: { listChanged: boolean };
  resources?: { listChanged: boolean; subscribe?: boolean };
  completions?: Record<string, never>;
  logging?: Record<string, never>;
  extensions?: Record<string, JsonObject>;
  /** Of the Events extension's draft, which clients read that know webhooks alone. */
  events?: { listChanged: boolean };
}

export interface InitializeResult {
  protocolVersion: string;
  capabilities: ServerCapabilities;
  serverInfo: Implementation;
  instructions: string;
}

/** What a result of the modern era says about itself; results that services write are stamped with it. */
interface Complete {
  resultType: 'complete';
  _meta: JsonObject;
}

/** How long a caller's own cache may keep a result (MCP 2026-07-28, caching). */
interface Cached {
  ttlMs?: number;
  cacheScope?: 'private' | 'public';
}

export interface DiscoverResult extends Complete, Required<Cached> {
  supportedVersions: string[];
  capabilities: ServerCapabilities;
  instructions: string;
}

/** A JSON Schema of arguments or of a structure. */
interface ObjectSchema {
  type: 'object';
}

export interface ListedTool {
  name: string;
  title: string;
  description: string;
  inputSchema: ObjectSchema;
  outputSchema: ObjectSchema | undefined;
  annotations: ToolAnnotations & { title: string };
  _meta?: { ui: ToolUi };
}

export interface ListToolsResult extends Cached {
  tools: ListedTool[];
}

export interface CallToolResult {
  content: ContentBlock[];
  structuredContent?: JsonObject;
  isError?: true;
}

export interface ListPromptsResult extends Cached {
  prompts: OfferedPrompt[];
}

export interface GetPromptResult {
  description?: string | undefined;
  messages: PromptMessage[];
}

export interface ListResourcesResult extends Cached {
  resources: OfferedResource[];
  nextCursor?: string;
}

export interface ListResourceTemplatesResult extends Cached {
  resourceTemplates: OfferedTemplate[];
}

export interface ReadResourceResult extends Cached {
  contents: ResourceContents[];
}

export interface CompleteResult {
  completion: { values: string[]; total?: number | undefined; hasMore: boolean };
}

/** The call needs its client (MCP 2026-07-28, multi round-trip requests). */
export interface InputRequiredResult {
  resultType: 'input_required';
  _meta: JsonObject;
  inputRequests: InputRequests;
  requestState?: string;
}

/** What `subscriptions/listen` asks for and is acknowledged (MCP 2026-07-28, subscriptions). */
export interface SubscriptionFilter {
  toolsListChanged?: true;
  promptsListChanged?: true;
  resourcesListChanged?: true;
  resourceSubscriptions?: string[];
  /** Of the Tasks extension. */
  taskIds?: string[];
}

/** What is known of a task, in the answer to the call that made it too (SEP-2663). */
export interface TaskFields {
  taskId: string;
  status: TaskState['status'];
  statusMessage?: string;
  createdAt: string;
  lastUpdatedAt: string;
  ttlMs: number | null;
  pollIntervalMs: number;
}

export interface LoggingMessageParams {
  level: 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency';
  data: string;
}

export interface ProgressParams {
  progressToken: string | number;
  /** Grows strictly, up to `total`. */
  progress: number;
  total: 1;
  message?: string;
}
