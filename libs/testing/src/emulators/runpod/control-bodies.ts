/** Bodies that the emulated control plane takes, as the operations of either version are published. */
import { z } from 'zod';

const name = z.string().min(1);
const env = z.record(z.string(), z.string());
const texts = z.array(z.string());
const persistent = z.strictObject({ size: z.int().min(10), path: z.string() });
const cuda = { minCudaVersion: z.string(), allowedCudaVersions: texts };

/** What pods, endpoints and templates share; nothing of it has to be given. */
const container = {
  image: z.string(),
  args: z.string(),
  disk: z.int().min(1),
  ports: texts,
  env,
  registry: z.string().nullable(),
};
const pod = {
  ...container,
  mounts: z.strictObject({ persistent, network: z.array(z.looseObject({})) }).partial(),
  globalNetworking: z.boolean(),
};
const podGpu = z.strictObject({ id: z.string(), count: z.int().min(1), ...cuda }).partial(cudaKeys());

function cudaKeys(): { minCudaVersion: true; allowedCudaVersions: true } {
  return { minCudaVersion: true, allowedCudaVersions: true };
}

export const PodV2 = z
  .strictObject({
    ...pod,
    gpu: podGpu,
    cpu: z.looseObject({}),
    cloud: z.enum(['SECURE', 'COMMUNITY']),
    dataCenterIds: texts,
  })
  .partial()
  .extend({ name })
  .refine(({ image }) => image !== undefined, { error: 'image is required' })
  .refine(({ gpu, cpu }) => (gpu === undefined) !== (cpu === undefined), { error: 'either gpu or cpu' });
export const PodPatchV2 = z.strictObject({ ...pod, name, locked: z.boolean() }).partial();
export const PodAction = z.strictObject({ action: z.enum(['start', 'stop', 'restart', 'terminate']) });

const endpoint = {
  ...container,
  workers: z
    .strictObject({ min: z.int().min(0), max: z.int().min(0), idleTimeout: z.int().min(1).max(3_600) })
    .partial(),
  dataCenterIds: texts,
  networkVolumes: texts,
  timeout: z.int(),
  flashboot: z.enum(['OFF', 'FLASHBOOT', 'PRIORITY_FLASHBOOT']),
};
const endpointGpu = z
  .strictObject({ pools: texts.min(1), count: z.int().min(1), excludedTypes: texts, ...cuda })
  .partial();
const scaling = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('QUEUE_DELAY'), queueDelay: z.number().min(1) }),
  z.strictObject({ type: z.literal('REQUEST_COUNT'), requestCount: z.int().min(1) }),
]);
export const EndpointV2 = z
  .strictObject(endpoint)
  .partial()
  .extend({ name, type: z.enum(['QUEUE', 'LOAD_BALANCER']), gpu: endpointGpu, scaling });
export const EndpointPatchV2 = z.strictObject({ ...endpoint, name, gpu: endpointGpu, scaling }).partial();

const template = {
  ...container,
  mounts: z.strictObject({ persistent }).partial(),
  serverless: z.boolean(),
  public: z.boolean(),
  category: z.enum(['CPU', 'NVIDIA', 'AMD']),
};
export const TemplateV2 = z.strictObject(template).partial().extend({ name });
export const TemplatePatchV2 = z.strictObject({ ...template, name }).partial();

const size = z.int().min(10).max(4_096);
export const VolumeV2 = z.strictObject({
  ...{ name, size, dataCenter: z.string() },
  type: z.enum(['STANDARD', 'HIGH_PERFORMANCE']).optional(),
});
export const VolumeV1 = z.strictObject({ name, size, dataCenterId: z.string() });
export const VolumePatch = z.strictObject({ name, size }).partial();
export const Registry = z.strictObject({ name, username: z.string(), password: z.string() });
export const Delegation = z.strictObject({ resource: z.string(), name: z.string().nullable().optional() });

/** Version 1: pods and templates are flat, and an endpoint is made from a template. */
const flat = {
  name,
  imageName: z.string(),
  containerDiskInGb: z.number(),
  volumeInGb: z.number(),
  volumeMountPath: z.string(),
  ports: texts,
  env,
  containerRegistryAuthId: z.string(),
};
export const PodPatchV1 = z.strictObject(flat).partial();
export const PodV1 = z
  .strictObject({
    ...flat,
    cloudType: z.enum(['SECURE', 'COMMUNITY']),
    computeType: z.enum(['GPU', 'CPU']),
    gpuTypeIds: texts,
    gpuCount: z.int().min(1),
    dataCenterIds: texts,
  })
  .partial()
  .extend({ imageName: z.string() });
export const TemplateV1 = z
  .strictObject({
    ...flat,
    ...{ dockerEntrypoint: texts, dockerStartCmd: texts, readme: z.string() },
    ...{ isServerless: z.boolean(), isPublic: z.boolean(), category: z.string() },
  })
  .partial();
export const EndpointV1 = z
  .strictObject({
    ...{ name, templateId: z.string(), computeType: z.enum(['GPU', 'CPU']), gpuTypeIds: texts },
    ...{ gpuCount: z.int(), workersMin: z.int(), workersMax: z.int(), dataCenterIds: texts },
    ...{ idleTimeout: z.int(), scalerType: z.string(), scalerValue: z.int() },
  })
  .partial();

/** A flat body in the words of version 2. */
export function nested(body: z.infer<typeof TemplateV1>): Record<string, unknown> {
  const {
    imageName,
    containerDiskInGb,
    volumeInGb: disk,
    volumeMountPath: path,
    containerRegistryAuthId,
  } = body;
  const entries = {
    ...{ name: body.name, image: imageName, disk: containerDiskInGb, ports: body.ports, env: body.env },
    ...{ registry: containerRegistryAuthId, serverless: body.isServerless, public: body.isPublic },
    mounts: disk === undefined ? undefined : { persistent: { size: disk, path: path ?? '/workspace' } },
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}
