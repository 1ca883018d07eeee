// Runpod's MCP server through its HTTP entry point, with its platform replaced by a stub on loopback.
import { createServer } from 'node:http';
import { handleMcpRequest } from '@runpod/mcp-server/http';
import { listenAnywhere } from './listening.ts';

// It logs each request; here that costs it nothing.
for (const level of ['log', 'info', 'warn', 'error'] as const) console[level] = () => undefined;
await listenAnywhere(createServer((request, response) => void handleMcpRequest(request, response)));
