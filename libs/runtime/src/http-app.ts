import fastify, { type FastifyInstance } from 'fastify';
import type { Readiness, Service } from './service.ts';

/** A service with routes of its own, mounted on one app with others or served alone. */
export interface HttpService extends Service {
  routes(app: FastifyInstance): Promise<void>;
}

export function isHttpService(service: Service): service is HttpService {
  return 'routes' in service;
}

/** One HTTP app for the given services, with `/healthz` and `/readyz` where none of them brings its own. */
export async function createHttpApp(services: readonly Service[]): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    // Slow senders are cut: headers within 10 s, a keep-alive connection idles 75 s (longer than load balancers').
    connectionTimeout: 0,
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2_000 },
  });
  for (const service of services) if (isHttpService(service)) await service.routes(app);
  if (!app.hasRoute({ url: '/healthz', method: 'GET' })) app.get('/healthz', async () => ({ status: 'ok' }));
  if (!app.hasRoute({ url: '/readyz', method: 'GET' })) {
    app.get('/readyz', async (_request, reply) => {
      const readiness = await readinessOf(services);
      return reply.code(readiness.isReady ? 200 : 503).send(readiness);
    });
  }
  return app;
}

/** Ready when all are; problems are named `<service>.<dependency>`. */
export async function readinessOf(services: readonly Service[]): Promise<Readiness> {
  const all = await Promise.all(
    services.map(async (service) => ({ name: service.name, ...(await service.readiness()) })),
  );
  const problems = all.flatMap(({ name, problems: own }) =>
    Object.entries(own).map(([dependency, problem]) => [`${name}.${dependency}`, problem]),
  );
  return { isReady: all.every(({ isReady }) => isReady), problems: Object.fromEntries(problems) };
}
