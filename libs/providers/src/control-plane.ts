/** What a platform has besides models: machines, endpoints and stores that cost money while they exist. */
import type { AppError, JsonObject } from '@inferry/contracts';
import type { ProviderContext } from './provider.ts';

export const resourceTypes = [
  'pod',
  'endpoint',
  'worker',
  'release',
  'template',
  'network_volume',
  'registry_auth',
  'registry_delegation',
  'gpu_type',
  'cpu_type',
  'data_center',
  'capacity',
  'hub_repo',
  'public_endpoint',
  'billing',
] as const;
export type ResourceType = (typeof resourceTypes)[number];

export type ResourceVerb = 'list' | 'get' | 'create' | 'update' | 'delete' | 'action' | 'logs';

/** What can be done with resources of one type. */
export interface ResourceSupport {
  verbs: readonly ResourceVerb[];
  actions?: readonly string[];
  /** Names of filters of its list. */
  filters?: readonly string[];
  /** Fields of its creation and of its change, each with its meaning; a star marks those that are required. */
  spec?: Readonly<Record<string, string>>;
  patch?: Readonly<Record<string, string>>;
  /** What its `parent_id` names. */
  parent?: ResourceType;
  /** Whether one costs money for as long as it exists. */
  isBilled?: boolean;
}

/** One resource: what everybody needs of it, and all that its platform says. */
export interface Resource {
  id: string;
  name?: string | undefined;
  status?: string | undefined;
  /** In USD, while it runs. */
  hourlyCost?: number | undefined;
  createdAt?: string | undefined;
  /** What it was marked with when it was made. */
  marks: Readonly<Partial<Record<'ref' | 'stop_at' | 'owner', string>>>;
  facts: JsonObject;
}

export interface ResourceList {
  items: Resource[];
  summary?: JsonObject | undefined;
}

/** What one costs by the hour, before it is made. */
export interface HourlyQuote {
  /** Absent where nobody can tell. */
  amount?: number | undefined;
  currency: 'USD';
  basis: string;
}

export interface CreateRequest {
  type: ResourceType;
  spec: JsonObject;
  /** Kept with the resource where the platform has a place for it, so that it is found again. */
  marks: Resource['marks'];
}

export interface LogRequest {
  type: ResourceType;
  id: string;
  parentId?: string | undefined;
  source?: 'container' | 'system' | 'both' | undefined;
  tail?: number | undefined;
  since?: string | undefined;
  maxWaitMs?: number | undefined;
}

export interface LogSnapshot {
  lines: { ts?: string; source?: string; line: string }[];
  truncated: boolean;
}

/** Who is at the other end, for platforms that want to know it. */
export interface PlaneCaller {
  name: string;
  version: string;
  transport: 'stdio' | 'http';
}

/** A body as the platform's own tools answer it; where nothing was done, with what that means. */
export interface OwnAnswer {
  body: unknown;
  isError?: boolean;
  cause?: AppError;
}

/** A call by the platform's own name. */
export interface OwnCall {
  name: string;
  edition: string;
  args: JsonObject;
  accepted?: readonly string[] | undefined;
  required?: readonly string[] | undefined;
  caller: PlaneCaller;
}

export interface ControlPlane {
  readonly slug: string;
  readonly title: string;
  /** Whether nothing can be asked without a key. */
  readonly needsKey: boolean;
  /** Everybody's resources are in one account: `context.owner` tells them apart. */
  readonly isShared?: boolean;
  readonly resources: Readonly<Partial<Record<ResourceType, ResourceSupport>>>;
  list(
    request: { type: ResourceType; parentId?: string | undefined; filters?: JsonObject | undefined },
    context: ProviderContext,
  ): Promise<ResourceList>;
  get(
    request: { type: ResourceType; id: string; include?: readonly string[] | undefined },
    context: ProviderContext,
  ): Promise<Resource>;
  quote(request: { type: ResourceType; spec: JsonObject }, context: ProviderContext): Promise<HourlyQuote>;
  /** Sent once. Throws `submit_unknown` where nobody can tell whether it was made. */
  create(request: CreateRequest, context: ProviderContext): Promise<Resource>;
  update(
    request: { type: ResourceType; id: string; patch: JsonObject },
    context: ProviderContext,
  ): Promise<Resource>;
  act(
    request: { type: ResourceType; id: string; action: string; args?: JsonObject | undefined },
    context: ProviderContext,
  ): Promise<JsonObject>;
  remove(request: { type: ResourceType; id: string }, context: ProviderContext): Promise<void>;
  logs(request: LogRequest, context: ProviderContext): Promise<LogSnapshot>;
  /** Absent where the platform has no tools of its own. */
  call?(call: OwnCall, context: ProviderContext): Promise<OwnAnswer>;
  close(): Promise<void>;
}
