export { chromiumFlags, findChromium } from './chromium.ts';
export { ensureServers, type Servers } from './ensure-servers.ts';
export type { LocalServer } from './local-server.ts';
export { startNats } from './nats.ts';
export { freePort } from './ports.ts';
export { startPostgres } from './postgres.ts';
export { startRedis } from './redis.ts';
export { createTcpProxy, type TcpProxy } from './tcp-proxy.ts';
export { type WaitOptions, waitFor } from './wait-for.ts';
