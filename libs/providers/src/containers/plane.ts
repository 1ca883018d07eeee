/** Containers of this machine as pods: the second control plane, for which nobody pays and nobody needs a key. */
import { randomUUID } from 'node:crypto';
import { AppError, isObject, type JsonObject, validationFailed } from '@inferry/contracts';
import { z } from 'zod';
import type {
  ControlPlane,
  CreateRequest,
  HourlyQuote,
  LogRequest,
  LogSnapshot,
  Resource,
  ResourceList,
  ResourceSupport,
  ResourceType,
} from '../control-plane.ts';
import { classifyFailure } from '../errors/index.ts';
import type { ProviderContext } from '../provider.ts';
import { askEngine, type EngineAddress, type EngineCall, type EngineReply, readLog } from './engine.ts';

const title = 'The container engine of this machine';
const label = {
  ours: 'inferry',
  name: 'inferry.name',
  nonce: 'inferry.nonce',
  ref: 'inferry.ref',
  owner: 'inferry.owner',
  stop_at: 'inferry.stop_at',
} as const;

const podSpec = {
  'name*': 'Name',
  'image*': 'An image that the engine has: none is fetched',
  command: 'List of arguments in place of the image’s own',
  env: 'Variables',
  ports: 'e.g. ["8888/tcp"]: each gets a port of 127.0.0.1',
  memory_in_mb: 'Default 1024',
  cpus: 'Default 1',
};
const Spec = z.object({
  name: z.string().min(1).max(100),
  image: z.string().min(1).max(300),
  command: z.array(z.string()).max(100).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).optional(),
  ports: z
    .array(z.string().regex(/^\d{1,5}(\/(tcp|udp|http))?$/))
    .max(20)
    .optional(),
  memory_in_mb: z
    .number()
    .min(6)
    .max(1 << 20)
    .default(1_024),
  cpus: z.number().min(0.01).max(256).default(1),
});
const Patch = Spec.pick({ memory_in_mb: true, cpus: true }).partial();

const support: ResourceSupport = {
  verbs: ['list', 'get', 'create', 'update', 'delete', 'action', 'logs'],
  actions: ['start', 'stop', 'restart'],
  filters: ['name'],
  spec: podSpec,
  patch: { memory_in_mb: 'Memory', cpus: 'Share of processors' },
};

const Listed = z.array(
  z.object({
    Id: z.string(),
    Image: z.string().default(''),
    Created: z.union([z.number(), z.string()]).optional(),
    State: z.string().default('unknown'),
    Status: z.string().default(''),
    Labels: z.record(z.string(), z.string()).nullish(),
    Ports: z.array(z.unknown()).nullish(),
  }),
);
const Inspected = z.object({
  Id: z.string(),
  Created: z.string().optional(),
  State: z.looseObject({ Status: z.string().default('unknown') }),
  Config: z.looseObject({
    Image: z.string().default(''),
    Tty: z.boolean().default(false),
    Labels: z.record(z.string(), z.string()).nullish(),
    Cmd: z.array(z.string()).nullish(),
  }),
  HostConfig: z.looseObject({ Memory: z.number().default(0), NanoCpus: z.number().default(0) }).optional(),
  NetworkSettings: z.looseObject({ Ports: z.record(z.string(), z.unknown()).nullish() }).optional(),
});
type Inspected = z.infer<typeof Inspected>;

export interface ContainerPlaneOptions {
  engine: EngineAddress;
  slug?: string;
}

export function createContainerPlane({ engine, slug = 'containers' }: ContainerPlaneOptions): ControlPlane {
  return new ContainerPlane(engine, slug);
}

class ContainerPlane implements ControlPlane {
  readonly slug: string;
  readonly title = title;
  readonly needsKey = false;
  readonly isShared = true;
  readonly resources = { pod: support };
  readonly #engine: EngineAddress;

  constructor(engine: EngineAddress, slug: string) {
    this.#engine = engine;
    this.slug = slug;
  }

  async list(
    { type, filters = {} }: Parameters<ControlPlane['list']>[0],
    context: ProviderContext,
  ): Promise<ResourceList> {
    onlyPods(type);
    const labels = [
      `${label.ours}=pod`,
      ...(context.owner === undefined ? [] : [`${label.owner}=${context.owner}`]),
    ];
    const query = { all: 1, filters: JSON.stringify({ label: labels }) };
    const reply = await this.#read({ path: '/containers/json', query }, context);
    const pods = Listed.parse(jsonOf(reply)).map(fromList);
    const named = typeof filters.name === 'string' ? filters.name : undefined;
    return { items: named === undefined ? pods : pods.filter(({ name }) => name === named) };
  }

  async get({ type, id }: Parameters<ControlPlane['get']>[0], context: ProviderContext): Promise<Resource> {
    onlyPods(type);
    return fromInspection(await this.#inspect(id, context));
  }

  async quote({ type }: { type: ResourceType }): Promise<HourlyQuote> {
    onlyPods(type);
    return { amount: 0, currency: 'USD', basis: 'it runs on this machine, which nobody is charged for' };
  }

  async create({ type, spec, marks }: CreateRequest, context: ProviderContext): Promise<Resource> {
    onlyPods(type);
    const wanted = parsed(Spec, spec);
    const nonce = randomUUID();
    const owner = context.owner ?? marks.owner;
    const labels = {
      ...{ [label.ours]: 'pod', [label.name]: wanted.name, [label.nonce]: nonce },
      ...(marks.ref !== undefined && { [label.ref]: marks.ref }),
      ...(owner !== undefined && { [label.owner]: owner }),
      ...(marks.stop_at !== undefined && { [label.stop_at]: marks.stop_at }),
    };
    const id = await this.#make(toEngine(wanted, labels), nonce, context);
    await this.#start(id, context);
    return this.get({ type, id }, context);
  }

  async update(
    { type, id, patch }: Parameters<ControlPlane['update']>[0],
    context: ProviderContext,
  ): Promise<Resource> {
    onlyPods(type);
    await this.#inspect(id, context);
    const { memory_in_mb: memory, cpus } = parsed(Patch, withoutUnknown(patch));
    const json = {
      ...(memory !== undefined && { Memory: bytesOf(memory), MemorySwap: bytesOf(memory) }),
      ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
    };
    if (Object.keys(json).length > 0)
      await this.#change({ method: 'POST', path: `${pathOf(id)}/update`, json }, context);
    return this.get({ type, id }, context);
  }

  async act(
    { type, id, action }: Parameters<ControlPlane['act']>[0],
    context: ProviderContext,
  ): Promise<JsonObject> {
    onlyPods(type);
    if (!support.actions?.includes(action)) {
      throw validationFailed('infra', [{ path: 'action', message: 'is none of containers' }]);
    }
    await this.#inspect(id, context);
    const query = action === 'start' ? {} : { t: 10 };
    await this.#change({ method: 'POST', path: `${pathOf(id)}/${action}`, query }, context);
    const { status } = await this.get({ type, id }, context);
    return { id, action, ...(status !== undefined && { status }) };
  }

  async remove({ type, id }: { type: ResourceType; id: string }, context: ProviderContext): Promise<void> {
    onlyPods(type);
    await this.#inspect(id, context);
    await this.#change({ method: 'DELETE', path: pathOf(id), query: { force: 1, v: 1 } }, context);
  }

  async logs(
    { type, id, source, tail = 100, since }: LogRequest,
    context: ProviderContext,
  ): Promise<LogSnapshot> {
    onlyPods(type);
    const { Config } = await this.#inspect(id, context);
    // What the engine itself says of a container is no log.
    if (source === 'system') return { lines: [], truncated: false };
    const from = since === undefined ? Number.NaN : Date.parse(since) / 1_000;
    const query = {
      ...{ stdout: 1, stderr: 1, timestamps: 1, tail },
      ...(Number.isFinite(from) && { since: Math.floor(from) }),
    };
    const { body } = await this.#read({ path: `${pathOf(id)}/logs`, query }, context);
    const lines = readLog(body, Config.Tty).map(({ source: stream, text }) => {
      const [, ts, line] = /^(\d{4}-\S+Z|\d{4}-\S+[+-]\d\d:\d\d) (.*)$/s.exec(text) ?? [];
      return ts === undefined ? { source: stream, line: text } : { ts, source: stream, line: line ?? '' };
    });
    return { lines, truncated: false };
  }

  async close(): Promise<void> {
    // Each call has a connection of its own.
  }

  /** One that is ours, and of this owner: any other is not there. */
  async #inspect(id: string, context: ProviderContext): Promise<Inspected> {
    const found = Inspected.parse(jsonOf(await this.#read({ path: `${pathOf(id)}/json` }, context)));
    const labels = found.Config.Labels ?? {};
    const isTheirs = context.owner === undefined || labels[label.owner] === context.owner;
    if (labels[label.ours] === 'pod' && isTheirs) return found;
    throw nothing();
  }

  /** Sent once: where nobody said what became of it, the container is looked for by the name that only this call has. */
  async #make(json: JsonObject, nonce: string, context: ProviderContext): Promise<string> {
    const name = `inferry-${nonce}`;
    let lost: AppError;
    try {
      const call = { method: 'POST', path: '/containers/create', query: { name }, json } as const;
      const reply = await askEngine(this.#engine, { ...call, signal: context.signal });
      if (reply.status < 300) {
        const { Id } = z.object({ Id: z.string() }).parse(jsonOf(reply));
        return Id;
      }
      if (reply.status >= 400 && ![502, 503, 504].includes(reply.status)) throw failure(reply, true);
      lost = unknown(reply.status);
    } catch (error) {
      if (!isWithoutAnswer(error) || context.signal.aborted) throw error;
      lost = unknown(undefined, error);
    }
    const path = `/containers/${name}/json`;
    const reply = await askEngine(this.#engine, { method: 'GET', path, signal: context.signal }).catch(
      () => undefined,
    );
    const made = reply?.status === 200 ? Inspected.safeParse(jsonOf(reply)).data : undefined;
    if (made === undefined) throw lost;
    return made.Id;
  }

  /** A container that cannot be started is of no use to anybody. */
  async #start(id: string, context: ProviderContext): Promise<void> {
    try {
      await this.#change({ method: 'POST', path: `${pathOf(id)}/start` }, context);
    } catch (error) {
      const call = { method: 'DELETE', path: pathOf(id), query: { force: 1, v: 1 } } as const;
      // What failed is told; that it could not be cleaned up changes nothing of that.
      await askEngine(this.#engine, { ...call, signal: context.signal }).catch(() => undefined);
      throw error;
    }
  }

  async #read(call: Pick<EngineCall, 'path' | 'query'>, { signal }: ProviderContext): Promise<EngineReply> {
    const reply = await askEngine(this.#engine, { method: 'GET', ...call, signal });
    if (reply.status >= 300) throw failure(reply);
    return reply;
  }

  async #change(call: Omit<EngineCall, 'signal'>, { signal }: ProviderContext): Promise<void> {
    const reply = await askEngine(this.#engine, { ...call, signal });
    // 304: it is so already.
    if (reply.status >= 300 && reply.status !== 304) throw failure(reply);
  }
}

function onlyPods(type: ResourceType): void {
  if (type !== 'pod')
    throw validationFailed('infra', [{ path: 'resource', message: 'is no type here', hint: 'pod' }]);
}

function pathOf(id: string): string {
  // As the engine writes ids: nothing else leads anywhere.
  if (!/^[\w.-]{1,128}$/.test(id) || id.startsWith('.')) throw nothing();
  return `/containers/${id}`;
}

function nothing(): AppError {
  return new AppError('not_found', 'There is no such container.', { upstreamStatus: 404 });
}

/** Nothing came, or nothing that can be read: it may have been made. */
function isWithoutAnswer(error: unknown): boolean {
  if (error instanceof z.ZodError) return true;
  if (!(error instanceof AppError)) return false;
  const { code, upstreamStatus } = error;
  return code === 'upstream_malformed' || (code === 'upstream_unavailable' && upstreamStatus === undefined);
}

function unknown(upstreamStatus: number | undefined, cause?: unknown): AppError {
  return new AppError(
    'submit_unknown',
    'The container engine did not say whether it made the container, and none of it is there.',
    { upstreamStatus, cause },
  );
}

function jsonOf({ status, body }: EngineReply): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError('upstream_malformed', 'The container engine answered no JSON.', {
      upstreamStatus: status,
      cause,
    });
  }
}

function failure({ status, body }: EngineReply, isCreation = false): AppError {
  const text = body.toString('utf8');
  const said = text.startsWith('{') ? JSON.parse(text) : text;
  const message = isObject(said) && typeof said.message === 'string' ? said.message : '';
  if (isCreation && (status === 404 || /no such image|image not known/i.test(message))) {
    return validationFailed('infra_create', [
      { path: 'spec.image', message: 'is not on this machine', hint: 'whoever runs it fetches images' },
    ]);
  }
  const told = classifyFailure(
    { status, headers: {}, body: said },
    {
      ...{ title, purpose: 'change' },
      rule: ({ status: code }) =>
        code === 404
          ? { code: 'not_found' }
          : code === 409
            ? { code: 'validation_failed', detail: message }
            : undefined,
    },
  );
  return new AppError(told.code, told.message, {
    ...{ upstreamStatus: status, details: told.details },
    nextAction: told.code === 'upstream_failed' ? 'Read it again as it is now.' : told.nextAction,
  });
}

function parsed<S extends z.ZodObject>(schema: S, value: JsonObject): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw validationFailed(
    'infra',
    result.error.issues
      .slice(0, 16)
      .map(({ path, message }) => ({ path: `spec.${path.join('.')}`, message })),
  );
}

function withoutUnknown(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([name]) => name in (support.patch ?? {})));
}

const bytesOf = (megabytes: number) => Math.round(megabytes * 1_048_576);

/** No mounts, no devices, no network of the host, and ports on loopback alone. */
function toEngine(
  { image, command, env = {}, ports = [], memory_in_mb: memory, cpus }: z.infer<typeof Spec>,
  labels: Readonly<Record<string, string>>,
): JsonObject {
  const exposed = ports.map((port) => {
    const [number = '', protocol = 'tcp'] = port.split('/');
    return `${number}/${protocol === 'http' ? 'tcp' : protocol}`;
  });
  return {
    Image: image,
    ...(command !== undefined && { Cmd: command }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: labels,
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    HostConfig: {
      ...{ Memory: bytesOf(memory), MemorySwap: bytesOf(memory), NanoCpus: Math.round(cpus * 1e9) },
      ...{ PidsLimit: 1_024, SecurityOpt: ['no-new-privileges'] },
      PortBindings: Object.fromEntries(
        exposed.map((port) => [port, [{ HostIp: '127.0.0.1', HostPort: '' }]]),
      ),
    },
  };
}

function marksOf(labels: Readonly<Record<string, string>>): Resource['marks'] {
  const { [label.ref]: ref, [label.owner]: owner, [label.stop_at]: stopAt } = labels;
  return {
    ...(ref !== undefined && { ref }),
    ...(owner !== undefined && { owner }),
    ...(stopAt !== undefined && { stop_at: stopAt }),
  };
}

function fromList({
  Id,
  Image,
  Created,
  State,
  Status,
  Labels,
  Ports,
}: z.infer<typeof Listed>[number]): Resource {
  const labels = Labels ?? {};
  const at = typeof Created === 'number' ? new Date(Created * 1_000).toISOString() : Created;
  return {
    ...{ id: Id, name: labels[label.name], status: State, hourlyCost: 0, createdAt: at },
    marks: marksOf(labels),
    facts: { image: Image, since: Status, ports: Ports ?? [] },
  };
}

function fromInspection({ Id, Created, State, Config, HostConfig, NetworkSettings }: Inspected): Resource {
  const labels = Config.Labels ?? {};
  return {
    ...{ id: Id, name: labels[label.name], status: State.Status, hourlyCost: 0, createdAt: Created },
    marks: marksOf(labels),
    facts: {
      image: Config.Image,
      ...(Config.Cmd && { command: Config.Cmd }),
      memory_in_mb: Math.round((HostConfig?.Memory ?? 0) / 1_048_576),
      cpus: (HostConfig?.NanoCpus ?? 0) / 1e9,
      ports: NetworkSettings?.Ports ?? {},
      ...(typeof State.ExitCode === 'number' && State.Status !== 'running' && { exit_code: State.ExitCode }),
    },
  };
}
