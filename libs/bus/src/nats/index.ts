export { connectNats, type NatsOptions } from './nats-transport.ts';
export { type BusRights, busRights, type NatsUser, natsConfig, natsPermissions } from './nats-users.ts';
