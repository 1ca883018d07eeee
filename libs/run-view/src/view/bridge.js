// JSON-RPC with the host over postMessage (MCP Apps 2026-01-26).

/**
 * @typedef {Record<string, unknown>} Json
 * @typedef {object} Bridge
 * @property {(method: string, params: Json, timeoutMs?: number) => Promise<Json>} request
 * @property {(method: string, params: Json) => void} notify
 */

/**
 * @param {Window} host
 * @param {{ notifications: Record<string, (params: Json) => void>, requests: Record<string, (params: Json) => Json> }} handlers
 * @returns {Bridge}
 */
export function connectHost(host, { notifications, requests }) {
  /** @type {Map<number, { resolve: (value: Json) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let lastId = 0;

  /** @param {Json} message */
  function send(message) {
    // The host's origin is not known here, and nothing in these messages is a secret from it.
    host.postMessage({ jsonrpc: '2.0', ...message }, '*');
  }

  /** @param {Json} message */
  function settle(message) {
    const call = waiting.get(Number(message.id));
    if (call === undefined) return;
    waiting.delete(Number(message.id));
    if (isJson(message.result)) call.resolve(message.result);
    else call.reject(new Error(isJson(message.error) ? String(message.error.message) : 'no result'));
  }

  window.addEventListener('message', (event) => {
    const message = event.data;
    if (event.source !== host || !isJson(message) || message.jsonrpc !== '2.0') return;
    const { id, method } = message;
    const params = isJson(message.params) ? message.params : {};
    if (typeof method !== 'string') {
      settle(message);
    } else if (id === undefined) {
      own(notifications, method)?.(params);
    } else {
      const answer = own(requests, method);
      const error = { code: -32601, message: 'This view has no such method.' };
      send(answer === undefined ? { id, error } : { id, result: answer(params) });
    }
  });

  return {
    request(method, params, timeoutMs = 60_000) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new Error('The host did not answer.'));
        }, timeoutMs);
        waiting.set(id, {
          resolve(value) {
            clearTimeout(timer);
            resolve(value);
          },
          reject(error) {
            clearTimeout(timer);
            reject(error);
          },
        });
        send({ id, method, params });
      });
    },
    notify: (method, params) => send({ method, params }),
  };
}

/**
 * @param {unknown} value
 * @returns {value is Json}
 */
export function isJson(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @template T
 * @param {Record<string, T>} table
 * @param {string} name
 * @returns {T | undefined}
 */
function own(table, name) {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
