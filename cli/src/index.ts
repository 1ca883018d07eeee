export { withFixtures } from './cluster/command.ts';
export type { Replica } from './cluster/replica.ts';
export { type Cluster, type ClusterOptions, startCluster } from './cluster/start-cluster.ts';
export { parseStartConfig, type StartConfig } from './config.ts';
export { checkServices, type EmbeddedSystem, startEmbedded } from './embedded.ts';
