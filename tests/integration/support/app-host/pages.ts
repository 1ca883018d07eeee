/** A host's page: it frames the sandbox, answers the view and keeps what the view said. */
export const hostPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Host</title>
<style>body { margin: 16px; font-family: sans-serif } body.dark { background: #111 } iframe { border: 0; width: 100% }</style></head>
<body><main></main><script>
const heard = { methods: [], links: [], contexts: [], sizes: [], calls: [] };
let frame, context, capabilities, isReady = false, queue = [];
window.heard = heard;
function post(message) { frame.contentWindow.postMessage({ jsonrpc: '2.0', ...message }, '*'); }
window.tell = (method, params) => { if (isReady) post({ method, params }); else queue.push({ method, params }); };
window.mount = (options) => {
  context = options.context; capabilities = options.capabilities;
  document.body.className = context.theme;
  frame = document.createElement('iframe');
  frame.title = 'Sandbox';
  frame.sandbox = 'allow-scripts allow-same-origin';
  frame.src = options.sandboxUrl;
  window.viewHtml = options.html;
  document.querySelector('main').append(frame);
};
const answers = {
  'ui/initialize': () => ({ protocolVersion: '2026-01-26', hostInfo: { name: 'harness', version: '1' }, hostCapabilities: capabilities, hostContext: context }),
  'ui/open-link': ({ url }) => { heard.links.push(url); return {}; },
  'ui/update-model-context': (params) => { heard.contexts.push(params); return {}; },
  'tools/call': async (params) => { heard.calls.push(params); return JSON.parse(await window.callServer(JSON.stringify(params))); },
};
addEventListener('message', async ({ data, source }) => {
  if (source !== frame?.contentWindow || data?.jsonrpc !== '2.0') return;
  if (data.method) heard.methods.push(data.method);
  if (data.method === 'ui/notifications/sandbox-proxy-ready') post({ method: 'ui/notifications/sandbox-resource-ready', params: { html: window.viewHtml } });
  if (data.method === 'ui/notifications/initialized') { isReady = true; for (const message of queue) post(message); queue = []; }
  if (data.method === 'ui/notifications/size-changed') { heard.sizes.push(data.params); frame.style.height = data.params.height + 'px'; }
  if (data.id === undefined || data.method === undefined) return;
  const answer = answers[data.method];
  if (!answer) return post({ id: data.id, error: { code: -32601, message: 'unknown' } });
  try { post({ id: data.id, result: await answer(data.params) }); }
  catch (error) { post({ id: data.id, error: { code: -32000, message: String(error) } }); }
});
</script></body></html>`;

/** The proxy between host and view, on an origin of its own; the view inherits the policy that it is served with. */
export const sandboxPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>
<style>html, body { margin: 0; height: 100% } iframe { border: 0; width: 100%; height: 100%; display: block }</style></head>
<body><script>
let view;
addEventListener('securitypolicyviolation', (event) => console.error('CSP sandbox ' + event.violatedDirective));
addEventListener('message', ({ data, source }) => {
  if (source === parent && data?.method === 'ui/notifications/sandbox-resource-ready') {
    view = document.createElement('iframe');
    view.title = 'Run';
    view.sandbox = 'allow-scripts';
    view.srcdoc = data.params.html;
    document.body.append(view);
  } else if (source === parent) view?.contentWindow.postMessage(data, '*');
  else if (source === view?.contentWindow) parent.postMessage(data, '*');
});
parent.postMessage({ jsonrpc: '2.0', method: 'ui/notifications/sandbox-proxy-ready', params: {} }, '*');
</script></body></html>`;

interface DeclaredCsp {
  resourceDomains?: string[];
  connectDomains?: string[];
}

/** What a host makes of a view's declaration (MCP Apps 2026-01-26, security implications). */
export function policyOf({ resourceDomains = [], connectDomains = [] }: DeclaredCsp): string {
  const resources = resourceDomains.join(' ');
  return [
    "default-src 'none'",
    `script-src 'self' 'unsafe-inline' ${resources}`,
    `style-src 'self' 'unsafe-inline' ${resources}`,
    `connect-src 'self' ${connectDomains.join(' ')}`,
    `img-src 'self' data: ${resources}`,
    `font-src 'self' ${resources}`,
    `media-src 'self' data: ${resources}`,
    "frame-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
  ].join('; ');
}
