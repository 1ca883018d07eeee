import { readEnv, runService } from '@inferry/runtime';
import { createGatewayService, parseGatewayConfig } from './index.ts';

await runService({
  name: 'mcp-gateway',
  env: readEnv(),
  create: (parts, { env }) => createGatewayService(parts, parseGatewayConfig(env)),
});
