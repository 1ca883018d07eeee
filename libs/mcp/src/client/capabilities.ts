import { type InputRequest, type InputRequests, isObject, type JsonObject } from '@inferry/contracts';

/** What must be declared to be asked this, as a `ClientCapabilities` object (MCP 2026-07-28, basic). */
function requirement({ method, params }: InputRequest): JsonObject {
  if (method === 'roots/list') return { roots: {} };
  if (method === 'sampling/createMessage') return { sampling: {} };
  return params.mode === 'url' ? { elicitation: { url: {} } } : { elicitation: {} };
}

function isDeclared({ method, params }: InputRequest, capabilities: JsonObject): boolean {
  if (method === 'roots/list') return isObject(capabilities.roots);
  if (method === 'sampling/createMessage') return isObject(capabilities.sampling);
  const { elicitation } = capabilities;
  if (!isObject(elicitation)) return false;
  if (params.mode === 'url') return isObject(elicitation.url);
  // An empty object is how forms were declared before there was anything else.
  return isObject(elicitation.form) || Object.keys(elicitation).length === 0;
}

/** What the client would have to declare on top of what it did; undefined when it can be asked all of this. */
export function missingCapabilities(
  requests: InputRequests,
  capabilities: JsonObject,
): JsonObject | undefined {
  const missing = Object.values(requests).filter((request) => !isDeclared(request, capabilities));
  return missing.length === 0 ? undefined : Object.assign({}, ...missing.map(requirement));
}
