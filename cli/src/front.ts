/**
 * What a client meets first: the gateway on the in-process bus, before the services behind it stand. It loads nothing
 * that is heavy: a client that starts a process waits for the answer to its first message.
 */

import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { AppError } from '@inferry/contracts';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { createGatewayService, type GatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import { createLogger, deriveSecrets, type Env, newReplicaName, type Parts } from '@inferry/runtime';
import { isOtlpAsked } from '@inferry/runtime/telemetry';
import type { StartConfig } from './config.ts';
import { type Home, openHome } from './home.ts';

export interface Front {
  home: Home;
  replica: string;
  log: Parts['log'];
  limits: Limits;
  gateway: GatewayService;
  /** Of a service in this process, by its name. */
  busFor(name: string): Bus;
  /** The services are there: what was called so far goes to them. */
  stand(): void;
  /** They will not be: what was called so far fails. */
  fall(): void;
  /** Buses take nothing new, and finish what they have. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Over stdio other processes may work on the same folder, and nobody is served MCP over HTTP. */
export type Way = 'http' | 'stdio';

export async function openFront(config: StartConfig, env: Env, way: Way): Promise<Front> {
  const home = openHome(config.home, config.secret);
  const replica = newReplicaName('inferry');
  const log = createLogger({
    ...{ service: 'inferry', replica, level: config.logLevel, fd: 2 },
    isForwarded: isOtlpAsked(env),
  });
  const limits = createInProcessLimits();
  const transport = createInProcessTransport();
  const buses: Bus[] = [];
  const standing = Promise.withResolvers<void>();
  // Whoever has called is told; nobody may have.
  standing.promise.catch(() => undefined);

  function busFor(name: string): Bus {
    const own = log.child({ service: name });
    const bus = createBus(transport, {
      name,
      // What the command line asks, the gateway could: it is the same process.
      statements: deriveSecrets(name === 'cli' ? 'mcp-gateway' : name, home.secret).statements,
      onInternalError: (error, subject) => own.error({ err: error, subject }, 'call failed'),
      ...(name === 'mcp-gateway' ? { standing: standing.promise } : {}),
    });
    buses.push(bus);
    return bus;
  }

  const gateway = await createGatewayService(
    { bus: busFor('mcp-gateway'), limits, log: log.child({ service: 'mcp-gateway' }) },
    parseGatewayConfig(gatewayEnv(config, env)),
    { sessionSecret: deriveSecrets('embedded', home.secret).of('sessions'), hasHttp: way === 'http' },
  );
  return {
    ...{ home, replica, log, limits, gateway, busFor },
    stand: () => standing.resolve(),
    fall: () =>
      standing.reject(
        new AppError('unavailable', 'This server could not start.', {
          nextAction: 'See its log (stderr) for what is wrong, mend it and start it again.',
        }),
      ),
    async drain(graceMs) {
      await Promise.all(buses.map((bus) => bus.drain(graceMs)));
    },
    async close() {
      await Promise.all(buses.map((bus) => bus.close()));
      await transport.close();
      await limits.close();
    },
  };
}

function gatewayEnv(config: StartConfig, env: Env): Env {
  return {
    ...env,
    ...{ HOST: config.host, PORT: String(config.port), INFERRY_AUTH: config.auth },
    // People sign in where clients call: on this one port.
    ...(config.auth === 'oauth' ? { PUBLIC_URL: config.baseUrl } : {}),
  };
}
