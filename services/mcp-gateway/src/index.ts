export { type GatewayConfig, parseGatewayConfig } from './config.ts';
export { createGatewayService, type GatewayOptions } from './service.ts';
