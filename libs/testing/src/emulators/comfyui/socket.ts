import type { WebSocket } from 'ws';
import { type EmulatedJob, type Emulator, type EmulatorDefinition, sampleFile } from '../kit/index.ts';
import { outputsOf } from './history.ts';

const sockets = new WeakMap<Emulator, Map<string, WebSocket>>();

/** Events go to the socket with the client id that a prompt came with, and to nobody else. */
export const acceptComfySocket: NonNullable<EmulatorDefinition['acceptSocket']> = (emulator, socket) => {
  const { ws, path, query, key } = socket;
  const isAllowed = emulator.quirks.has('open') || key === emulator.keys.valid;
  if (path !== '/ws' || !isAllowed) return ws.terminate();
  const clientId = query.get('clientId') ?? emulator.id();
  const open = sockets.get(emulator) ?? new Map<string, WebSocket>();
  sockets.set(emulator, open.set(clientId, ws));
  ws.on('close', () => open.delete(clientId));
  send(ws, 'status', { status: { exec_info: { queue_remaining: waitingIn(emulator) } }, sid: clientId });
  for (const job of emulator.jobs.values()) if (job.clientId === clientId) playToSocket(emulator, job);
};

/** What runs counts as well; what has ended does not. */
export function waitingIn({ jobs }: Emulator): number {
  return [...jobs.values()].filter(({ state }) => ['queued', 'running', 'unknown'].includes(state)).length;
}

/** Lets a job run as its socket sees it, in a turn for each step. */
export function playToSocket(emulator: Emulator, job: EmulatedJob): void {
  const ws = sockets.get(emulator)?.get(job.clientId ?? '');
  if (ws === undefined) return;
  const step = () => {
    if (ws.readyState !== ws.OPEN || emulator.jobs.get(job.id) !== job) return;
    const before = job.state;
    try {
      emulator.stepJob(job.id);
    } catch {
      // Forgotten: a server that was started again says nothing of it.
      return;
    }
    tell(emulator, job, { ws, isNew: before !== job.state });
    if (!['succeeded', 'failed', 'cancelled'].includes(job.state)) setTimeout(step, 5);
  };
  setTimeout(step, 5);
}

function tell(emulator: Emulator, job: EmulatedJob, { ws, isNew }: { ws: WebSocket; isNew: boolean }): void {
  const at = { prompt_id: job.id };
  const say = (type: string, data: object) => send(ws, type, { ...at, ...data });
  switch (job.state) {
    case 'running':
      if (isNew) {
        say('execution_start', { timestamp: 1 });
        say('execution_cached', { nodes: ['4'], timestamp: 1 });
      }
      say('executing', { node: '3', display_node: '3' });
      tellProgress(emulator, job, ws);
      sendPreview(ws);
      break;
    case 'succeeded': {
      for (const [node, output] of Object.entries(outputsOf(emulator, job))) {
        say('executed', { node, display_node: node, output });
      }
      say('execution_success', { timestamp: 2 });
      say('executing', { node: null });
      break;
    }
    case 'failed':
      say('execution_error', {
        node_id: '3',
        node_type: 'KSampler',
        exception_message: job.failure.message,
        exception_type: 'RuntimeError',
        traceback: [],
      });
      break;
    case 'cancelled':
      say('execution_interrupted', { node_id: '3', node_type: 'KSampler', executed: [] });
      break;
    default:
  }
}

function tellProgress(emulator: Emulator, job: EmulatedJob, ws: WebSocket): void {
  const at = { prompt_id: job.id };
  if (emulator.quirks.has('untyped_progress')) {
    const node = { value: 5, max: 20, state: 'running', node_id: '3', ...at };
    send(ws, 'progress_state', { ...at, nodes: { '3': node } });
  } else send(ws, 'progress', { ...at, value: 5, max: 20, node: '3' });
}

/** Event 1 with format 2: a picture of how far it is. */
function sendPreview(ws: WebSocket): void {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(1, 0);
  head.writeUInt32BE(2, 4);
  ws.send(Buffer.concat([head, sampleFile('image').bytes]));
}

function send(ws: WebSocket, type: string, data: object): void {
  ws.send(JSON.stringify({ type, data }));
}
