// The platform of the bench `active-runs`, in a process of its own: jobs of `long` never end, others are done when they
// are asked about. Prints its port; `GET /polls` tells how many polls of long jobs it has answered.
import { createServer } from 'node:http';

let polls = 0;
let jobs = 0;

const server = createServer((request, response) => {
  const answer = (body: unknown) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  };
  if (request.method === 'POST') {
    request.resume();
    jobs += 1;
    return answer({ id: `quick-${jobs}` });
  }
  if (request.url === '/polls') return answer({ polls });
  const isLong = request.url?.startsWith('/jobs/long-') === true;
  if (isLong) polls += 1;
  answer({ status: isLong ? 'running' : 'succeeded' });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`port ${typeof address === 'object' ? address?.port : address}`);
});
