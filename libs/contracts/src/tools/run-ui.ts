import type { ToolUi } from '../contract.ts';

/** Where the view of a run is read, by hosts that show one. */
export const runViewUri = 'ui://inferry/run-view';

export const runUi: ToolUi = { resourceUri: runViewUri };
