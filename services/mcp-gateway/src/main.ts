import { deriveSecret, readEnv, runService } from '@inferry/runtime';
import { parseGatewayConfig } from './config.ts';
import { createGatewayService } from './service.ts';

await runService({
  name: 'mcp-gateway',
  env: readEnv(),
  create: (parts, { env, secret }) =>
    createGatewayService(parts, parseGatewayConfig(env), { sessionSecret: deriveSecret(secret, 'sessions') }),
});
