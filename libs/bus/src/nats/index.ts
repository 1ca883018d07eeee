export { connectNats, type NatsOptions } from './nats-transport.ts';
