export { type GatewayConfig, parseGatewayConfig } from './config.ts';
export { createGatewayService, type GatewayOptions, type GatewayService } from './service.ts';
