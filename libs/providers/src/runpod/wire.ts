import { z } from 'zod';

/** What `/run`, `/status` and webhooks say of a job. */
export const Job = z.object({
  id: z.string().min(1).max(200),
  status: z.string().min(1),
  delayTime: z.number().nullish(),
  executionTime: z.number().nullish(),
  workerId: z.string().nullish(),
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
  modelName: z.string().nullish(),
  displayName: z.string().nullish(),
  description: z.string().nullish(),
  /** JSON in a string. */
  metadata: z.string().nullish(),
  isLive: z.boolean().nullish(),
});
export type PublicConfig = z.infer<typeof PublicConfig>;

export const PublicConfigs = z.object({
  data: z.object({ allAiApiPublicConfigs: z.array(PublicConfig) }),
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
  description: z.string().nullish(),
  repoName: z.string(),
  repoOwner: z.string(),
  deploys: z.number().nullish(),
  category: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  type: z.string(),
});
export type HubListing = z.infer<typeof HubListing>;

export const HubListings = z.object({ data: z.object({ listings: z.array(HubListing) }) });

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

const Endpoint = z.object({
  id: z.string().min(1).max(100),
  name: z.string().nullish(),
  type: z.string().nullish(),
  image: z.string().nullish(),
  template: z.object({ imageName: z.string().nullish() }).nullish(),
});
export type Endpoint = z.infer<typeof Endpoint>;

/** Version 2 wraps its lists, version 1 does not. */
export const EndpointsV2 = z.object({ endpoints: z.array(Endpoint) });
export const EndpointsV1 = z.array(Endpoint);
