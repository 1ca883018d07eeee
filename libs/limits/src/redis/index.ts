export { connectRedisLimits, type RedisLimitsOptions } from './redis-limits.ts';
