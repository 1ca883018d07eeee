/** A container engine as its published HTTP API says (Docker Engine API, which Podman answers too). */
import { z } from 'zod';
import type { Emulator } from '../kit/index.ts';
import {
  type Answer,
  type EmulatedCall,
  type EmulatedRoute,
  type EmulatorDefinition,
  Refusal,
} from '../kit/index.ts';

const failure = (status: number, message: string): Answer => ({ status, body: { message } });

const CreateBody = z.strictObject({
  Image: z.string(),
  Cmd: z.array(z.string()).optional(),
  Env: z.array(z.string().regex(/^[^=]+=/)),
  Labels: z.record(z.string(), z.string()),
  ExposedPorts: z.record(z.string().regex(/^\d+\/(tcp|udp)$/), z.strictObject({})),
  HostConfig: z.strictObject({
    Memory: z.int(),
    MemorySwap: z.int(),
    NanoCpus: z.int(),
    PidsLimit: z.int(),
    SecurityOpt: z.array(z.string()),
    PortBindings: z.record(
      z.string(),
      z.array(z.strictObject({ HostIp: z.literal('127.0.0.1'), HostPort: z.literal('') })),
    ),
  }),
});
const UpdateBody = z.strictObject({
  Memory: z.int().optional(),
  MemorySwap: z.int().optional(),
  NanoCpus: z.int().optional(),
});
type Container = z.infer<typeof CreateBody> & { Id: string; Name: string; status: string; at: number };

/** Images that the engine has. */
const images = ['debian:bookworm-slim', 'busybox:latest'];

export const containerEngineEmulator: EmulatorDefinition = {
  slug: 'container-engine',
  title: 'A container engine',
  failures: {
    bad_key: () => failure(401, 'unauthorized'),
    no_credit: () => failure(402, 'no credit'),
    unknown_model: (detail) => failure(404, `No such image: ${detail}`),
    unknown_job: (detail) => failure(404, `No such container: ${detail}`),
    validation: (detail) => failure(400, `invalid parameter: ${detail}`),
    rate_limited: () => failure(429, 'too many requests'),
    server_error: () => failure(500, 'the daemon failed'),
    unknown_route: () => failure(404, 'page not found'),
  },
  routes: (emulator) => routesOf(emulator).map((route) => ({ ...route, isOpen: true })),
};

function storeOf(emulator: Emulator): Map<string, Container> {
  const known = emulator.resources.get('containers') ?? new Map();
  emulator.resources.set('containers', known);
  // as: only what is made below stands in it.
  return known as unknown as Map<string, Container>;
}

function find(emulator: Emulator, { params: { id = '' } }: EmulatedCall): Container {
  const all = [...storeOf(emulator).values()];
  const found = all.find((one) => one.Id === id || one.Name === id);
  if (found === undefined) throw emulator.refusal('unknown_job', id);
  return found;
}

function routesOf(emulator: Emulator): EmulatedRoute[] {
  const act = (action: string, status: string): EmulatedRoute => ({
    ...{ method: 'POST', path: `/containers/:id/${action}`, kind: 'other', query: ['t'] },
    handle(call) {
      const found = find(emulator, call);
      const isSo = found.status === status && action !== 'restart';
      found.status = status;
      throw new Refusal({ status: isSo ? 304 : 204 });
    },
  });
  return [
    {
      ...{ method: 'GET', path: '/containers/json', kind: 'catalog', query: ['all', 'filters'] },
      handle: ({ query }) => {
        const wanted = z.object({ label: z.array(z.string()) }).parse(JSON.parse(String(query.filters)));
        return [...storeOf(emulator).values()]
          .filter(({ Labels }) => wanted.label.every((pair) => matches(Labels, pair)))
          .map(listed);
      },
    },
    {
      ...{ method: 'POST', path: '/containers/create', kind: 'submit', query: ['name'], body: CreateBody },
      handle({ query, body }) {
        const given = CreateBody.parse(body);
        if (!images.includes(given.Image)) throw emulator.refusal('unknown_model', given.Image);
        const Id = emulator.id('', 64).padEnd(64, '0');
        const Name = String(query.name);
        storeOf(emulator).set(Id, { ...given, Id, Name, status: 'created', at: emulator.now() });
        throw new Refusal({ status: 201, body: { Id, Warnings: [] } });
      },
    },
    act('start', 'running'),
    act('stop', 'exited'),
    act('restart', 'running'),
    {
      ...{ method: 'GET', path: '/containers/:id/json', kind: 'status' },
      handle: (call) => inspected(find(emulator, call)),
    },
    {
      ...{ method: 'POST', path: '/containers/:id/update', kind: 'other', body: UpdateBody },
      handle(call) {
        Object.assign(find(emulator, call).HostConfig, call.body);
        return { Warnings: [] };
      },
    },
    {
      ...{ method: 'DELETE', path: '/containers/:id', kind: 'other', query: ['force', 'v'] },
      handle(call) {
        storeOf(emulator).delete(find(emulator, call).Id);
        throw new Refusal({ status: 204 });
      },
    },
    {
      ...{ method: 'GET', path: '/containers/:id/logs', kind: 'other' },
      query: ['stdout', 'stderr', 'timestamps', 'tail', 'since'],
      handle(call) {
        find(emulator, call);
        const stamp = new Date(emulator.now()).toISOString();
        const lines = [frame(1, `${stamp} it starts\n`), frame(2, `${stamp} it warns\n`)];
        const shown = lines.slice(-Number(call.query.tail ?? lines.length));
        const headers = { 'content-type': 'application/vnd.docker.multiplexed-stream' };
        throw new Refusal({ status: 200, body: Buffer.concat(shown), headers });
      },
    },
  ];
}

function matches(labels: Readonly<Record<string, string>>, pair: string): boolean {
  const [name = '', ...value] = pair.split('=');
  return labels[name] === value.join('=');
}

/** Stream, three empty bytes, the length, and the text. */
function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

function listed({ Id, Name, Image, Labels, status, at }: Container): object {
  const Status = status === 'running' ? 'Up 2 seconds' : 'Exited (0) 2 seconds ago';
  return {
    ...{ Id, Image, Labels, Status },
    Names: [`/${Name}`],
    State: status,
    Created: Math.floor(at / 1_000),
    Ports: [],
  };
}

function inspected({ Id, Name, Image, Cmd, Env, Labels, HostConfig, status, at }: Container): object {
  return {
    ...{ Id, Name: `/${Name}`, Created: new Date(at).toISOString(), HostConfig },
    State: { Status: status, Running: status === 'running', ExitCode: 0 },
    Config: { Image, Cmd: Cmd ?? null, Env, Labels, Tty: false },
    NetworkSettings: { Ports: {} },
  };
}
