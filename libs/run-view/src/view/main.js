// One run, live: what the host tells of the call, and what the server says when it is asked.
import { connectHost, isJson } from './bridge.js';
import { createCard } from './card.js';
import { followRun } from './follow-run.js';
import { applyHostContext, watchSize } from './host-style.js';
import { emptyState, isOver, structureOf, withCancelledCall, withInput, withResult } from './run-state.js';

/** @typedef {import('./bridge.js').Json} Json */

const origins = (document.querySelector('meta[name=origins]')?.getAttribute('content') ?? '').split(' ');

/** @type {import('./run-state.js').ViewState} */
let state = emptyState;
/** @type {import('./card.js').Situation} */
let situation = { isAway: false, isTired: false, isStopping: false, canAsk: false };
/** @type {Json} */
let host = {};
/** Whether the end was seen here first, so that the model does not know of it. */
let isNews = false;
let endSizes = () => {};

const bridge = connectHost(window.parent, {
  notifications: {
    'ui/notifications/tool-input': ({ arguments: args }) => isJson(args) && update(withInput(state, args)),
    'ui/notifications/tool-input-partial': ({ arguments: args }) =>
      isJson(args) && update(withInput(state, args)),
    'ui/notifications/tool-result': (result) => update(withResult(state, result)),
    'ui/notifications/tool-cancelled': () => update(withCancelledCall(state)),
    'ui/notifications/host-context-changed': applyHostContext,
  },
  requests: {
    ping: () => ({}),
    'ui/resource-teardown': () => {
      follower.stop();
      clearInterval(clock);
      endSizes();
      return {};
    },
  },
});

const follower = followRun({
  getRun: (args) => callTool('get_run', args),
  current: () => ({ runId: state.runId, clientRef: state.clientRef, isOver: isOver(state) }),
  onResult: (result) => {
    const before = state;
    update(withResult(state, result));
    if (!isOver(before) && isOver(state)) tellModel();
  },
  onAway: (isAway) => isAway !== situation.isAway && setSituation({ isAway }),
  onTired: () => setSituation({ isTired: true }),
});

const card = createCard({
  origins,
  opener: () => (isJson(host.openLinks) ? openLink : undefined),
  checkAgain: () => {
    setSituation({ isTired: false });
    follower.start();
  },
  stop,
  readMore,
});

const clock = setInterval(() => card.tick(state), 1_000);
document.querySelector('main')?.append(card.root);
card.show(state, situation);
void begin();

async function begin() {
  const { hostCapabilities, hostContext } = await bridge.request('ui/initialize', {
    protocolVersion: '2026-01-26',
    appInfo: { name: 'inferry-run-view', title: 'Run', version: '1.0.0' },
    appCapabilities: { availableDisplayModes: ['inline', 'fullscreen'] },
  });
  host = isJson(hostCapabilities) ? hostCapabilities : {};
  if (isJson(hostContext)) applyHostContext(hostContext);
  bridge.notify('ui/notifications/initialized', {});
  endSizes = watchSize((size) => bridge.notify('ui/notifications/size-changed', size));
  setSituation({ canAsk: isJson(host.serverTools) });
}

/** @param {import('./run-state.js').ViewState} next */
function update(next) {
  state = next;
  render();
}

/** @param {Partial<import('./card.js').Situation>} changes */
function setSituation(changes) {
  situation = { ...situation, ...changes };
  render();
}

function render() {
  card.show(state, situation);
  if (isOver(state)) follower.stop();
  else if (situation.canAsk && !situation.isTired && (state.runId ?? state.clientRef)) follower.start();
}

/**
 * @param {string} name
 * @param {Json} args
 */
function callTool(name, args) {
  return bridge.request('tools/call', { name, arguments: args });
}

async function stop() {
  setSituation({ isStopping: true, stopNote: undefined });
  try {
    const result = await callTool('cancel_run', { run_id: state.runId });
    const { outcome, error } = structureOf(result);
    if (isJson(structureOf(result).run)) update(withResult(state, result));
    setSituation({ isStopping: outcome === 'requested', stopNote: stopNoteOf(outcome, error) });
    if (isOver(state)) tellModel();
  } catch {
    setSituation({
      isStopping: false,
      stopNote: 'It could not be stopped: the server did not answer. Try again.',
    });
  }
}

/**
 * @param {unknown} outcome
 * @param {unknown} error
 */
function stopNoteOf(outcome, error) {
  if (isJson(error) && typeof error.message === 'string') return error.message;
  if (outcome === 'unsupported') return 'This provider cannot stop a run: it goes on and is charged.';
  return outcome === 'already_finished' ? 'It had finished before.' : undefined;
}

async function readMore() {
  try {
    update(withResult(state, await callTool('get_run', { run_id: state.runId, max_chars: 60_000 })));
  } catch {
    setSituation({ stopNote: 'The rest could not be read. Try again.' });
  }
}

/** @param {string} url */
function openLink(url) {
  bridge
    .request('ui/open-link', { url })
    .catch(() => setSituation({ stopNote: 'The host did not open the link.' }));
}

/** The model saw the call end with a run that goes on: it is told what became of it. */
function tellModel() {
  if (isNews || !isJson(host.updateModelContext)) return;
  isNews = true;
  const links = state.outputs.flatMap(({ url, assetId }) =>
    url ? [`${url} (asset ${assetId ?? '-'})`] : [],
  );
  const lines = [
    `Run ${state.runId}: ${state.status}.`,
    ...links,
    state.problem?.message,
    state.cost && `Cost: ${state.cost.text}.`,
  ];
  const text = lines.filter(Boolean).join('\n');
  bridge.request('ui/update-model-context', { content: [{ type: 'text', text }] }).catch(() => {
    // A host that does not take it loses nothing: get_run says the same.
  });
}
