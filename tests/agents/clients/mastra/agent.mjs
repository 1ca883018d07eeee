// An agent of Mastra as its documentation writes one: `node agent.mjs <API of the model> <server> <task>`.
import { Agent } from '@mastra/core/agent';
import { MCPClient } from '@mastra/mcp';

const [url, mcp, task] = process.argv.slice(2);
const client = new MCPClient({ servers: { inferry: { url: new URL(mcp) } } });
const tools = await client.listTools();
const model = { id: 'scripted/scripted', url, apiKey: 'none' };
const agent = new Agent({ id: 'agent', name: 'agent', instructions: 'Help.', model, tools });
const { text } = await agent.generate(task, { maxSteps: 12 });
process.stdout.write(text);
await client.disconnect();
