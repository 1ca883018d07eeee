import { z } from 'zod';
import { maybe, maybeWords } from '../http/index.ts';

/** What `/run`, `/status` and webhooks say of a job. */
export const Job = z.object({
  id: z.string().min(1).max(200),
  status: z.string().min(1),
  delayTime: maybe(z.number()),
  executionTime: maybe(z.number()),
  workerId: maybe(z.string()),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
});
export type Job = z.infer<typeof Job>;

export const Cancelled = z.object({ status: z.string() });

const Chunk = z.object({ output: z.unknown() });
/** An object with the job's status; the reference shows the bare list. */
export const StreamReply = z.union([
  z.object({ status: z.string().optional(), stream: z.array(Chunk).nullish() }),
  z.array(Chunk),
]);

export const Health = z.object({
  workers: z
    .object({
      idle: z.number().optional(),
      initializing: z.number().optional(),
      ready: z.number().optional(),
      running: z.number().optional(),
      throttled: z.number().optional(),
      unhealthy: z.number().optional(),
    })
    .optional(),
});
export type Health = z.infer<typeof Health>;

const GraphqlErrors = z.array(z.object({ message: z.string() })).nullish();

export const PublicConfig = z.object({
  aiApiId: z.string(),
  modelName: maybe(z.string()),
  displayName: maybe(z.string()),
  description: maybe(z.string()),
  /** JSON in a string. */
  metadata: maybe(z.string()),
  isLive: maybe(z.boolean()),
});
export type PublicConfig = z.infer<typeof PublicConfig>;

export const PublicConfigs = z.object({
  data: z.object({ allAiApiPublicConfigs: z.array(z.unknown()) }),
});

export const PublicMetadata = z.object({
  owner: z.string().optional().catch(undefined),
  source: z.string().optional().catch(undefined),
  tag: z.string().optional().catch(undefined),
  priceString: z.string().optional().catch(undefined),
});
export type PublicMetadata = z.infer<typeof PublicMetadata>;

export const HubListing = z.object({
  title: z.string(),
  description: maybe(z.string()),
  repoName: z.string(),
  repoOwner: z.string(),
  deploys: maybe(z.number()),
  category: maybe(z.string()),
  tags: maybeWords,
  type: z.string(),
});
export type HubListing = z.infer<typeof HubListing>;

export const HubListings = z.object({ data: z.object({ listings: z.array(z.unknown()) }) });

export const Myself = z.object({
  data: z
    .object({
      myself: z
        .object({
          id: z.string().optional(),
          email: z.string().nullish(),
          clientBalance: z.number().nullish(),
        })
        .nullish(),
    })
    .nullish(),
  errors: GraphqlErrors,
});

export const Endpoint = z.object({
  id: z.string().min(1).max(100),
  name: maybe(z.string()),
  /** `QUEUE` or `LOAD_BALANCER`; version 1 does not say. */
  type: maybe(z.string()),
  image: maybe(z.string()),
  template: maybe(z.object({ imageName: maybe(z.string()) })),
});
export type Endpoint = z.infer<typeof Endpoint>;

/** Version 2 wraps its lists, version 1 does not. */
export const EndpointsV2 = z.object({ endpoints: z.array(z.unknown()) });
export const EndpointsV1 = z.array(z.unknown());
