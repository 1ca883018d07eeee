// L0: a TCP socket and a reader of HTTP that knows no more than it must, answering every method with a fixed body: what Node itself takes.
import { createServer, type Socket } from 'node:net';
import { doneResultText, fixedResults, quickResultText, runSteps } from './answers.ts';
import { type BareRequest, frame, isStreamed, progress, response } from './frames.ts';
import { listenAnywhere } from './listening.ts';

const headEnd = '\r\n\r\n';
const length = /\r\ncontent-length: (\d+)/i;

/** One after the other on each connection, as the generator sends them; what it sends is ASCII. */
function serve(socket: Socket): void {
  let unread = '';
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    unread += text;
    let taken = take(socket, unread);
    while (taken > 0) {
      unread = unread.slice(taken);
      taken = take(socket, unread);
    }
  });
  socket.on('error', () => socket.destroy());
}

/** Answers the first request of a text; how much of it that was, 0 where it is not whole yet. */
function take(socket: Socket, text: string): number {
  const end = text.indexOf(headEnd);
  if (end < 0) return 0;
  const from = end + headEnd.length;
  const to = from + Number(length.exec(text.slice(0, from))?.[1] ?? 0);
  if (text.length < to) return 0;
  if (from === to) socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  else answerBody(socket, text.slice(from, to));
  return to;
}

function answerBody(socket: Socket, text: string): void {
  // as: the generator alone sends here.
  const body = JSON.parse(text) as BareRequest;
  if (isStreamed(body)) void stream(socket, body);
  else answer(socket, 'application/json', response(body.id, fixedResults[body.method] ?? quickResultText));
}

function answer(socket: Socket, type: string, text: string): void {
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** In one piece: what stands behind the others sends its steps at once, too. */
async function stream(socket: Socket, { id, params }: BareRequest): Promise<void> {
  let frames = '';
  await runSteps(params.arguments.wait_seconds, (done, total) => {
    frames += frame(progress(params._meta?.progressToken, done, total));
  });
  answer(socket, 'text/event-stream', frames + frame(response(id, doneResultText)));
}

await listenAnywhere(createServer(serve));
