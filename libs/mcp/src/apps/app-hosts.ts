import { isObject, type JsonObject } from '@inferry/contracts';

/** The id of the Apps extension (SEP-1865). */
export const appsExtension = 'io.modelcontextprotocol/ui';

const viewMimeType = 'text/html;profile=mcp-app';

/** Whether a client says that it shows the views of tools; any other one is told nothing of them. */
export function showsApps({ extensions }: JsonObject): boolean {
  const settings = isObject(extensions) ? extensions[appsExtension] : undefined;
  if (!isObject(settings)) return false;
  const { mimeTypes } = settings;
  return !Array.isArray(mimeTypes) || mimeTypes.includes(viewMimeType);
}
