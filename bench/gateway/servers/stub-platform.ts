// Stands in for a platform's API: every request gets one small JSON object.
import { createServer } from 'node:http';
import { quickText } from './answers.ts';
import { listenAnywhere } from './listening.ts';

const body = JSON.stringify({ id: quickText, name: 'bench', status: 'RUNNING' });
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 75_000;
await listenAnywhere(server);
