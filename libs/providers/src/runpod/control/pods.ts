/** Pods: what is refused before it costs something, and the words of either version. */
import { AppError, isObject } from '@inferry/contracts';
import {
  type Args,
  compact,
  type Item,
  type NativeAnswer,
  refused,
  refusedBy,
  segment,
  strings,
} from './answer.ts';
import { container } from './regular.ts';
import { type Checked, cudaIsV2, cudaOf, hasCuda, type Rest, sendOnce } from './sent-once.ts';
import type { RunpodWire } from './wire.ts';

const sshNote =
  'The key is in PUBLIC_KEY and 22/tcp is open. SSH needs an image that starts sshd with it, as those of runpod/ do, and a machine with a public address.';

/** Public keys, one to a line; a refusal for a path, a private key or nothing at all. */
function sshKeysOf(given: unknown): Checked<{ keys: string | undefined }> {
  if (given === undefined) return { keys: undefined };
  const keys = String(given)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (/PRIVATE KEY/.test(String(given))) {
    return {
      refusal: refused(
        'sshPublicKey is a private key. Pass the public one (the file that ends in .pub).',
        400,
      ),
    };
  }
  if (keys.length === 0 || keys.some((key) => !/^(ssh|ecdsa|sk)-\S+ \S+/.test(key))) {
    return {
      refusal: refused(
        'sshPublicKey is the text of a public key ("ssh-ed25519 AAAA…"), and no path of one.',
        400,
      ),
    };
  }
  return { keys: keys.join('\n') };
}

/** The keys join those that are there, and the port is opened. */
function withSsh(body: Item, keys: string | undefined): Item {
  if (keys === undefined) return body;
  const ports = strings(body.ports) ?? [];
  const env: Item = isObject(body.env) ? body.env : {};
  const known = typeof env.PUBLIC_KEY === 'string' && env.PUBLIC_KEY !== '' ? env.PUBLIC_KEY : undefined;
  const all = known === undefined ? keys : known.includes(keys) ? known : `${known}\n${keys}`;
  const isOpen = ports.some((port) => /^\s*22\/tcp\s*$/i.test(port));
  return { ...body, ports: isOpen ? ports : [...ports, '22/tcp'], env: { ...env, PUBLIC_KEY: all } };
}

export async function createPod(args: Args, wire: RunpodWire, rest: Rest): Promise<NativeAnswer> {
  const { sshPublicKey, ...spec } = args;
  const ssh = sshKeysOf(sshPublicKey);
  if (ssh.refusal !== undefined) return ssh.refusal;
  if (rest === 'v1') {
    if (hasCuda(args)) return cudaIsV2();
    if (spec.templateId)
      return refused(
        'A pod from a template needs version 2 of the REST API (RUNPOD_REST_VERSION=v2), or pass imageName.',
        501,
      );
  }
  if (!spec.imageName && !spec.templateId)
    return refused('Pass imageName, or templateId of a template.', 400);
  if (rest === 'v1')
    return sendPod({ base: 'rest1', body: withSsh(compact(spec), ssh.keys) }, wire, ssh.keys);
  const refusal = refusalOfPod(spec);
  if (refusal !== undefined) return refusal;
  if (spec.computeType === 'CPU') return createCpuPod(spec, ssh.keys, wire);
  return createGpuPod(spec, ssh.keys, wire);
}

/** On version 2 what a pod is has to be said: one that nobody called a CPU pod is never made one. */
function refusalOfPod(spec: Args): NativeAnswer | undefined {
  const gpus = strings(spec.gpuTypeIds) ?? [];
  const isCpu = spec.computeType === 'CPU';
  const isGpu = gpus.length > 0 || spec.gpuCount !== undefined || spec.computeType === 'GPU';
  if (isCpu && isGpu)
    return refused('A pod has GPUs (gpuTypeIds) or is a CPU pod (computeType "CPU"), not both.', 400);
  if (!isCpu && !isGpu)
    return refused('Say what the pod is: gpuTypeIds (see list-gpu-types), or computeType "CPU".', 400);
  if (isCpu && hasCuda(spec)) return refused('A CPU pod has no CUDA version.', 400);
  if (isCpu && spec.templateId)
    return refused('A CPU pod cannot be made from a template: pass imageName.', 400);
  if (isCpu) return undefined;
  if (gpus.length === 0) return refused('A GPU pod needs gpuTypeIds (see list-gpu-types).', 400);
  if (!spec.name && !spec.templateId) return refused('A pod needs a name.', 400);
  return undefined;
}

/** Version 2 has no CPU pods: version 1 makes it, and the answer says so. */
async function createCpuPod(spec: Args, keys: string | undefined, wire: RunpodWire): Promise<NativeAnswer> {
  const made = await sendPod({ base: 'rest1', body: withSsh(compact(spec), keys) }, wire, keys);
  const note =
    made.isError === true
      ? 'Asked of version 1, which has CPU pods.'
      : 'Made by version 1, since version 2 has no CPU pods.';
  // as: `sendPod` answers with objects.
  return { ...made, body: { ...(made.body as Item), _servedBy: 'v1', _note: note } };
}

async function createGpuPod(spec: Args, keys: string | undefined, wire: RunpodWire): Promise<NativeAnswer> {
  const checked = cudaOf(spec);
  if (checked.refusal !== undefined) return checked.refusal;
  const [gpu, ...others] = strings(spec.gpuTypeIds) ?? [];
  const centers = strings(spec.dataCenterIds) ?? [];
  const own = {
    ...container(spec),
    ...compact({
      registry: spec.containerRegistryAuthId === '' ? null : spec.containerRegistryAuthId,
      cloud: spec.cloudType,
      dataCenterIds: centers.length > 0 ? centers : undefined,
    }),
    gpu: { id: gpu, count: spec.gpuCount ?? 1, ...checked.cuda },
  };
  const base = await templateOf(spec.templateId, wire);
  if (base.refusal !== undefined) return base.refusal;
  const made = await sendPod({ base: 'rest', body: withSsh({ ...base.template, ...own }, keys) }, wire, keys);
  if (made.isError === true || others.length === 0) return made;
  const warning = `A pod has one type of GPU: ${gpu} was asked for, not ${others.join(', ')}.`;
  return { body: { ...(made.body as Item), _warning: warning } };
}

const templateFields = ['name', 'image', 'args', 'disk', 'ports', 'env', 'mounts', 'registry'];

/** What a template says of a pod; what the caller says goes before it. */
async function templateOf(id: unknown, wire: RunpodWire): Promise<Checked<{ template: Item }>> {
  if (!id) return { template: {} };
  const reply = await wire.send({ base: 'rest', path: `/templates/${segment(id)}` });
  if (reply.status >= 400) {
    return { refusal: refusedBy(wire.failure(reply), 'The template cannot be read: ') };
  }
  const template = isObject(reply.body) ? reply.body : {};
  const entries = templateFields.map((name) => [name, template[name]] as const);
  const told = entries.filter(([, value]) => value !== undefined && value !== null);
  return { template: Object.fromEntries(told) };
}

/** A pod that the platform refuses is said as a body with the status, as callers know it. */
async function sendPod(
  { base, body }: { base: 'rest' | 'rest1'; body: Item },
  wire: RunpodWire,
  keys: string | undefined,
): Promise<NativeAnswer> {
  try {
    const made = await sendOnce({ base, path: '/pods', method: 'POST', json: body }, wire);
    return { body: keys === undefined ? made : { ...made, _ssh: sshNote } };
  } catch (error) {
    if (!(error instanceof AppError) || error.upstreamStatus === undefined) throw error;
    return refusedBy(error);
  }
}
