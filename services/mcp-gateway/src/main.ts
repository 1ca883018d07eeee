import { readEnv, runService } from '@inferry/runtime';
import { parseGatewayConfig } from './config.ts';
import { createGatewayService } from './service.ts';

await runService(
  {
    name: 'mcp-gateway',
    // It owns no table and stores no file.
    needs: { database: false, blobs: false },
    configure: ({ env }) => parseGatewayConfig(env),
    create: (parts, { settings, secrets }) =>
      createGatewayService(parts, settings, { sessionSecret: secrets.of('sessions') }),
  },
  readEnv(),
);
