import type { Answer, EmulatorDefinition } from '../kit/index.ts';
import { catalogRoutes } from './catalog-routes.ts';
import { fileRoutes } from './file-routes.ts';
import { promptRoutes } from './prompt-routes.ts';
import { queueRoutes } from './queue-routes.ts';
import { acceptComfySocket } from './socket.ts';

function invalid(type: string, message: string, status = 400): Answer {
  return { status, body: { error: { type, message, details: '', extra_info: {} }, node_errors: {} } };
}

/**
 * A ComfyUI server (0.3.64), with a proxy in front that wants a key, since the server itself knows none; the quirk
 * `open` takes the proxy away.
 */
export const comfyuiEmulator: EmulatorDefinition = {
  slug: 'comfyui',
  title: 'ComfyUI',
  keyPrefix: 'emulated-',
  clientHeaders: /^(comfy-user|pragma|cache-control)$/,
  clientQuery: /^clientId$/,
  failures: {
    bad_key: () => ({ status: 401, body: 'Unauthorized' }),
    no_credit: () => ({ status: 402, body: 'Payment required' }),
    unknown_model: (detail) =>
      invalid('missing_node_type', `Node '${detail}' does not exist. The custom node may not be installed.`),
    // There is nothing where a job was.
    unknown_job: () => ({ status: 200, body: {} }),
    validation: (detail) =>
      invalid('prompt_outputs_failed_validation', `Prompt outputs failed validation: ${detail}`),
    rate_limited: () => ({ status: 429, body: 'Too many requests' }),
    server_error: () => ({ status: 500, body: '500 Internal Server Error' }),
    unknown_route: () => ({ status: 404, body: '404: Not Found' }),
  },
  quirks: {
    open: 'no proxy and no key',
    own_ids: 'an older server that gives ids of its own to prompts',
    empty_outputs: 'a success without outputs: everything was in the cache',
    no_status: 'an older server whose history has no status',
    untyped_progress: 'progress of the whole graph as progress_state instead of progress',
  },
  routes: (emulator) => [
    ...promptRoutes(emulator),
    ...queueRoutes(emulator),
    ...fileRoutes(emulator),
    ...catalogRoutes(emulator),
  ],
  acceptSocket: acceptComfySocket,
};
