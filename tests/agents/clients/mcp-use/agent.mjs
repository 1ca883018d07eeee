// An agent of mcp-use as its documentation writes one: `node agent.mjs <API of the model> <server> <task>`.
// LangChain, which it is built on, is the one that the suite has anyway.
import { ChatOpenAI } from '@langchain/openai';
import { MCPAgent, MCPClient } from 'mcp-use';

const [baseURL, mcp, task] = process.argv.slice(2);
const client = MCPClient.fromDict({ mcpServers: { inferry: { url: mcp } } });
const llm = new ChatOpenAI({ model: 'scripted', apiKey: 'none', configuration: { baseURL } });
process.stdout.write(await new MCPAgent({ llm, client, maxSteps: 12 }).run(task));
await client.closeAllSessions();
