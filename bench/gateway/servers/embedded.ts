// Our gateway with its tools in the same process, as the embedded system composes them; loopback needs no key there.
import { createBus, createInProcessTransport } from '@inferry/bus';
import { createInProcessLimits } from '@inferry/limits';
import { createGatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import { createHttpApp, createLogger } from '@inferry/runtime';
import { announcePort } from './listening.ts';
import { serveBench } from './serve-bench.ts';

const transport = createInProcessTransport();
serveBench(createBus(transport, { name: 'bench' }));
const parts = {
  bus: createBus(transport, { name: 'mcp-gateway' }),
  limits: createInProcessLimits(),
  log: createLogger({ service: 'mcp-gateway', replica: 'bench', level: 'warn' }),
};
const gateway = await createGatewayService(parts, parseGatewayConfig({ INFERRY_AUTH: 'none' }));
const app = await createHttpApp([gateway]);
await app.listen({ host: '127.0.0.1', port: 0 });
announcePort(app.server);
