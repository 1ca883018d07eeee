import { type ResourceContents, runViewUri } from '@inferry/contracts';
import { assembleView } from './assemble.ts';

/** The mime type that hosts know a view by (MCP Apps 2026-01-26, UI resource format). */
export const viewMimeType = 'text/html;profile=mcp-app';

export interface RunView {
  /** The view as `resources/read` answers it; made at the first call and kept. */
  read(): Promise<ResourceContents>;
}

/**
 * The view of a run for hosts that show one (MCP Apps). It loads pictures, video and sound from `origins` and nothing
 * else from anywhere.
 */
export function createRunView(origins: readonly string[]): RunView {
  const exact = [...new Set(origins.map((origin) => new URL(origin).origin))];
  let contents: Promise<ResourceContents> | undefined;

  async function make(): Promise<ResourceContents> {
    const csp = { connectDomains: [], resourceDomains: exact, frameDomains: [], baseUriDomains: [] };
    return {
      uri: runViewUri,
      mimeType: viewMimeType,
      text: await assembleView(exact),
      // The card draws its own border; no permission of the browser is needed.
      _meta: { ui: { csp, prefersBorder: false } },
    };
  }

  return {
    read() {
      contents ??= make();
      return contents;
    },
  };
}
