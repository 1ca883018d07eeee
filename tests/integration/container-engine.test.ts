// The pods of a real container engine, where one answers: CONTAINER_ENGINE, DOCKER_HOST, or a socket in its usual place. Where
// none does, that is said, and the scripted engine holds the plane alone (libs/providers/src/containers).
import { request } from 'node:http';
import { createContainerPlane } from '@inferry/providers';
import { describe, expect, it } from 'vitest';

const places = [
  ...[process.env.CONTAINER_ENGINE, process.env.DOCKER_HOST],
  ...['/run/podman/podman.sock', '/var/run/docker.sock'],
].flatMap((place) => {
  const path = place?.replace(/^unix:(\/\/)?/, '');
  return path?.startsWith('/') ? [path] : [];
});

interface Engine {
  socketPath: string;
  /** One that it has already: none is fetched. */
  image: string;
}

function read(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, headers: { host: 'engine' }, timeout: 5_000 }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(JSON.parse(text)));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end();
  });
}

/** With an image that can sleep and speak, as `CONTAINER_TEST_IMAGE` says, or one called busybox, alpine or debian. */
async function findEngine(): Promise<Engine | undefined> {
  for (const socketPath of places) {
    const images = await read(socketPath, '/images/json').catch(() => undefined);
    const tags = (Array.isArray(images) ? images : []).flatMap(({ RepoTags: names }) => names ?? []);
    const image =
      process.env.CONTAINER_TEST_IMAGE ??
      tags.find((tag: string) => /(^|\/)(busybox|alpine|debian)(:|$)/.test(tag));
    if (image !== undefined) return { socketPath, image };
  }
  return undefined;
}

const engine = await findEngine();

describe('pods of a container engine', () => {
  const title =
    engine === undefined
      ? 'are held by the scripted engine alone: none with an image answers here'
      : 'are made, read, stopped, started, looked into and deleted';
  it(title, async () => {
    if (engine === undefined) return expect(places.length).toBeGreaterThan(0);
    const { socketPath, image } = engine;
    const plane = createContainerPlane({ engine: { socketPath } });
    const context = { owner: 'tests', signal: AbortSignal.timeout(55_000) };
    const command = ['/bin/sh', '-c', 'echo it starts; echo it warns >&2; exec sleep 300'];
    const spec = { name: 'a test', image, command, env: { A: 'b' }, memory_in_mb: 64, ports: ['80/tcp'] };

    const made = await plane.create({ type: 'pod', spec, marks: { ref: 'r1' } }, context);
    try {
      const { id } = made;
      await expect
        .poll(async () =>
          (await plane.logs({ type: 'pod', id }, context)).lines.map(({ line }) => line).sort(),
        )
        .toEqual(['it starts', 'it warns']);
      const { items } = await plane.list({ type: 'pod' }, context);
      const others = await plane.list({ type: 'pod' }, { ...context, owner: 'somebody else' });
      await plane.act({ type: 'pod', id, action: 'stop' }, context);
      const stopped = await plane.get({ type: 'pod', id }, context);
      await plane.act({ type: 'pod', id, action: 'start' }, context);
      const started = await plane.get({ type: 'pod', id }, context);

      expect([made.status, stopped.status, started.status]).toEqual(['running', 'exited', 'running']);
      expect(items.map((one) => [one.id, one.name, one.marks.ref])).toContainEqual([id, 'a test', 'r1']);
      expect(others.items).toEqual([]);
      expect(made.facts).toMatchObject({ memory_in_mb: 64, cpus: 1 });
    } finally {
      await plane.remove({ type: 'pod', id: made.id }, context);
    }
    await expect(plane.get({ type: 'pod', id: made.id }, context)).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
