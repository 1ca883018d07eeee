import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containerEngineEmulator, type Emulator, startEmulators } from '@inferry/testing/emulators';
import { afterAll, describe, expect, it } from 'vitest';
import { describeControlPlane } from '../contract-suite/control-plane.ts';
import { refusalOf } from '../contract-suite/world.ts';
import { parseEngineAddress, readLog } from './engine.ts';
import { createContainerPlane } from './plane.ts';

const spec = { name: 'a machine', image: 'busybox:latest', command: ['sleep', '60'], ports: ['80/http'] };
const sockets: { server: Server; path: string }[] = [];
afterAll(async () => {
  for (const { server, path } of sockets) {
    server.close();
    await rm(path, { force: true });
  }
});

/** The emulated engine at a Unix socket, where engines are. */
async function openSocket(emulator: Emulator): Promise<string> {
  const { hostname, port } = new URL(emulator.origin);
  const path = join(tmpdir(), `inferry-engine-${process.pid}-${sockets.length}.sock`);
  const server = createServer((socket) => {
    const upstream = connect(Number(port), hostname);
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  sockets.push({ server, path });
  return path;
}

const openPlane = async (emulator: Emulator) =>
  createContainerPlane({ engine: { socketPath: await openSocket(emulator), prefix: emulator.prefix() } });

describeControlPlane({
  title: 'a container engine',
  emulator: containerEngineEmulator,
  open: openPlane,
  samples: { pod: { spec, patch: { memory_in_mb: 256 } } },
});

describe('containers of several people', () => {
  it('are there for their owner alone, and others of the engine for nobody', async () => {
    const emulators = await startEmulators({ definitions: [containerEngineEmulator] });
    const emulator = emulators.of('container-engine');
    const plane = await openPlane(emulator);
    const as = (owner?: string) => ({ owner, signal: AbortSignal.timeout(20_000) });
    const { id } = await plane.create({ type: 'pod', spec, marks: { owner: 'forged' } }, as('ada'));
    emulator.resources.get('containers')?.set('x', { Id: 'f00', Name: 'theirs', Labels: {}, at: 0 });

    const lists = await Promise.all(
      ['ada', 'bob'].map(async (owner) => (await plane.list({ type: 'pod' }, as(owner))).items.length),
    );
    const refused = await Promise.all([
      refusalOf(() => plane.get({ type: 'pod', id }, as('bob'))),
      refusalOf(() => plane.remove({ type: 'pod', id }, as('bob'))),
      refusalOf(() => plane.act({ type: 'pod', id, action: 'stop' }, as('bob'))),
      refusalOf(() => plane.logs({ type: 'pod', id }, as('bob'))),
      refusalOf(() => plane.get({ type: 'pod', id: 'f00' }, as())),
      refusalOf(() => plane.get({ type: 'pod', id: '../images/json' }, as())),
    ]);
    await emulators.close();

    expect(lists).toEqual([1, 0]);
    expect(refused.map(({ code }) => code)).toEqual(Array(6).fill('not_found'));
  });

  it('have no way to the machine but ports of loopback', async () => {
    const emulators = await startEmulators({ definitions: [containerEngineEmulator] });
    const emulator = emulators.of('container-engine');
    const plane = await openPlane(emulator);
    const context = { signal: AbortSignal.timeout(20_000) };
    await plane.create(
      { type: 'pod', spec: { ...spec, privileged: true, binds: ['/:/host'] }, marks: {} },
      context,
    );
    const missing = await refusalOf(() =>
      plane.create({ type: 'pod', spec: { ...spec, image: 'none:1' }, marks: {} }, context),
    );
    const sent = emulator.requests.find(({ kind }) => kind === 'submit')?.body;
    await emulators.close();

    expect(sent).toMatchObject({
      HostConfig: {
        ...{ Memory: 1 << 30, NanoCpus: 1e9, SecurityOpt: ['no-new-privileges'] },
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      },
    });
    expect(JSON.stringify(sent)).not.toMatch(/rivileged":|Binds|Mounts|Devices|NetworkMode/);
    expect([missing.code, JSON.stringify(missing.details)]).toEqual([
      'validation_failed',
      expect.stringContaining('spec.image'),
    ]);
  });
});

describe('an engine', () => {
  it.each([
    ['/run/podman/podman.sock', { socketPath: '/run/podman/podman.sock' }],
    ['unix:///var/run/docker.sock', { socketPath: '/var/run/docker.sock' }],
    ['http://127.0.0.1:2375', { port: 2375 }],
  ])('is at %s', (text, address) => {
    expect(parseEngineAddress(text)).toEqual(address);
  });

  it.each(['tcp://10.0.0.1:2375', 'http://engine.example:2375', 'docker', 'http://127.0.0.1'])(
    'is of this machine, and none other: %s',
    (text) => {
      expect(() => parseEngineAddress(text)).toThrow('CONTAINER_ENGINE');
    },
  );

  it('that is not there is no answer, and nothing was made', async () => {
    const plane = createContainerPlane({ engine: { socketPath: join(tmpdir(), 'none-of-it.sock') } });
    const context = { signal: AbortSignal.timeout(20_000) };

    const list = await refusalOf(() => plane.list({ type: 'pod' }, context));

    expect(list.code).toBe('upstream_unavailable');
  });

  it('writes logs in frames, whose lines may be cut, and plainly for a terminal', () => {
    const frame = (stream: number, text: string) =>
      Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)]);
    const framed = Buffer.concat([frame(1, 'a'), frame(1, 'b\nc\n'), frame(2, 'e\n'), frame(1, 'end')]);

    expect(readLog(framed, false)).toEqual([
      { source: 'stdout', text: 'ab' },
      { source: 'stdout', text: 'c' },
      { source: 'stderr', text: 'e' },
      { source: 'stdout', text: 'end' },
    ]);
    expect(readLog(Buffer.from('x\r\ny\r\n'), true).map(({ text }) => text)).toEqual(['x', 'y']);
  });
});
