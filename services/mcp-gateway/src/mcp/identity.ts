import { writeInstructions } from './instructions.ts';

/** How this server presents itself; a deployment can brand it. */
export interface ServerIdentity {
  serverInfo: { name: string; title: string; version: string };
  capabilities: { tools: { listChanged: boolean } };
  instructions: string;
}

export function createIdentity(serverInfo: ServerIdentity['serverInfo']): ServerIdentity {
  return {
    serverInfo,
    // A list changes with the deployment alone: saying otherwise makes clients hold a stream for it.
    capabilities: { tools: { listChanged: false } },
    instructions: writeInstructions(serverInfo.title),
  };
}
