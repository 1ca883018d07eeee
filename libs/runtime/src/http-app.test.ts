import { afterEach, describe, expect, it } from 'vitest';
import { createHttpApp, type HttpService } from './http-app.ts';
import type { Readiness, Service } from './service.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function service(name: string, readiness: Readiness): Service {
  return {
    name,
    readiness: async () => readiness,
    drain: async () => undefined,
    close: async () => undefined,
  };
}

async function serve(services: readonly Service[]): Promise<string> {
  const app = await createHttpApp(services);
  closers.push(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
}

const ready: Readiness = { isReady: true, problems: {} };

describe('createHttpApp', () => {
  it('is alive whatever its dependencies do', async () => {
    const url = await serve([service('catalog', { isReady: false, problems: { database: 'away' } })]);

    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('is ready when all services are', async () => {
    const url = await serve([service('auth', ready), service('catalog', ready)]);

    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('says which dependency of which service is missing', async () => {
    const url = await serve([
      service('auth', ready),
      service('catalog', { isReady: false, problems: { database: 'away' } }),
    ]);

    const response = await fetch(`${url}/readyz`);

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ isReady: false, problems: { 'catalog.database': 'away' } });
  });

  it('leaves a health route of a service alone', async () => {
    const own: HttpService = {
      ...service('gateway', ready),
      async routes(app) {
        app.get('/readyz', async () => ({ mine: true }));
      },
    };

    const response = await fetch(`${await serve([own])}/readyz`);

    expect(await response.json()).toEqual({ mine: true });
  });
});
