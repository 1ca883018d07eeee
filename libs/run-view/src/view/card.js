// The card: one set of elements that is brought up to date, so that a player goes on while the rest changes.
import { el, icon } from './dom.js';
import { openButton, showOutputs } from './outputs.js';
import { isOver } from './run-state.js';

/**
 * @typedef {import('./run-state.js').ViewState} ViewState
 * @typedef {object} Situation What is true beside the run itself.
 * @property {boolean} isAway The server cannot be asked now.
 * @property {boolean} isTired Nobody asks any more.
 * @property {boolean} isStopping
 * @property {string} [stopNote] What became of an attempt to stop it.
 * @property {boolean} canAsk The host passes calls on.
 *
 * @typedef {object} CardActions
 * @property {readonly string[]} origins
 * @property {() => void} stop
 * @property {() => void} checkAgain
 * @property {() => void} readMore
 * @property {() => ((url: string) => void) | undefined} opener
 */

/** @type {Record<string, string>} */
const titles = {
  waiting: 'Starting',
  succeeded: 'Done',
  failed: 'Failed',
  expired: 'Expired',
  cancelled: 'Cancelled',
  quoted: 'Price check',
  stopped: 'Not started',
};

/** @param {CardActions} actions */
export function createCard(actions) {
  const title = el('h1', { dir: 'auto' });
  const provider = el('span', { class: 'provider', dir: 'auto' });
  const badge = el('span', { class: 'badge', role: 'status' });
  const prompt = el('p', { class: 'prompt', dir: 'auto' });
  const bar = el('div', { class: 'bar' });
  const track = el('div', { class: 'track', role: 'progressbar', 'aria-label': 'Progress' }, bar);
  const note = el('p', { class: 'note' });
  const live = el('div', { class: 'live' }, track, note);
  const body = el('div', { class: 'body' });
  const facts = el('dl', { class: 'facts' });
  const buttons = el('div', { class: 'buttons' });
  const tile = el('div', { class: 'tile' });
  const head = el('header', {}, tile, el('div', { class: 'names' }, title, provider), badge);
  const foot = el('footer', {}, facts, buttons);
  const root = el('article', { class: 'card' }, head, prompt, live, body, foot);
  let shown = '';

  /**
   * @param {ViewState} state
   * @param {Situation} situation
   */
  function show(state, situation) {
    const [shortName, ownerName] = splitModel(state.model);
    root.dataset.phase = state.phase;
    const medium = mediumOf(state);
    if (tile.dataset.medium !== medium) tile.replaceChildren(icon(medium));
    tile.dataset.medium = medium;
    setText(title, shortName);
    setText(provider, ownerName);
    setText(prompt, state.prompt ?? '');
    showBadge(badge, state);
    showProgress({ live, track, bar }, state);
    setText(note, noteOf(state, situation));
    live.hidden = isOver(state);
    // Made anew only when it is another one: a player would start over.
    const next = JSON.stringify([
      state.phase,
      state.outputs,
      state.problem,
      state.diagnosis,
      situation.stopNote,
    ]);
    if (next !== shown) body.replaceChildren(...bodyOf(state, situation, actions));
    shown = next;
    facts.replaceChildren(...factsOf(state));
    showButtons(buttons, state, { ...situation, ...actions });
    foot.hidden = facts.childElementCount + buttons.childElementCount === 0;
  }

  /** @param {ViewState} state */
  function tick(state) {
    if (!isOver(state)) facts.replaceChildren(...factsOf(state));
  }

  return { root, show, tick };
}

/**
 * What the run makes, as far as it can be seen.
 * @param {ViewState} state
 * @returns {import('./dom.js').IconName}
 */
function mediumOf({ outputs: [first] }) {
  const kind = first?.kind;
  if (kind === 'image' || kind === 'video' || kind === 'audio' || kind === 'text') return kind;
  return kind === undefined ? 'spark' : kind === 'json' ? 'text' : 'file';
}

/**
 * `upscale-2x` and `local` of `local/upscale-2x`.
 * @param {string | undefined} model
 * @returns {[string, string]}
 */
function splitModel(model) {
  if (model === undefined) return ['Run', ''];
  const slash = model.indexOf('/');
  return slash === -1 ? [model, ''] : [model.slice(slash + 1), model.slice(0, slash)];
}

/**
 * @param {HTMLElement} badge
 * @param {ViewState} state
 */
function showBadge(badge, { phase, status }) {
  const active = status === 'queued' ? 'Queued' : 'Running';
  const label = phase === 'active' ? active : (titles[status ?? phase] ?? titles[phase] ?? 'Run');
  if (badge.textContent === label) return;
  const mark =
    phase === 'succeeded' ? icon('check') : phase === 'failed' ? icon('alert') : el('span', { class: 'dot' });
  badge.replaceChildren(mark, label);
}

/**
 * @param {{ live: HTMLElement, track: HTMLElement, bar: HTMLElement }} parts
 * @param {ViewState} state
 */
function showProgress({ track, bar }, { progress, phase }) {
  const isKnown = phase === 'active' && progress !== undefined && progress > 0;
  track.classList.toggle('unknown', !isKnown);
  if (!isKnown) {
    track.removeAttribute('aria-valuenow');
    bar.style.removeProperty('width');
    return;
  }
  const percent = Math.round(Math.min(1, progress) * 100);
  track.setAttribute('aria-valuenow', String(percent));
  bar.style.setProperty('width', `${percent}%`);
}

/**
 * @param {ViewState} state
 * @param {Situation} situation
 */
function noteOf({ phase, progress, status, queuePosition }, { isAway, isTired, canAsk, isStopping }) {
  if (isStopping) return 'Stopping…';
  if (isTired) return 'Still running when this was last checked. Nothing is lost.';
  if (isAway) return 'The server cannot be reached; the run goes on. Trying again…';
  if (phase === 'waiting') return 'The model is being started…';
  if (!canAsk) return 'Still running. Ask the assistant to check on it.';
  if (status === 'queued') {
    return queuePosition === undefined
      ? 'Waiting for its turn…'
      : `Waiting for its turn: number ${queuePosition} in line`;
  }
  return progress === undefined || progress <= 0 ? 'Working…' : `${Math.round(progress * 100)} %`;
}

/**
 * @param {ViewState} state
 * @param {Situation} situation
 * @param {CardActions} actions
 * @returns {Node[]}
 */
function bodyOf(state, { stopNote, canAsk }, actions) {
  const parts = [];
  if (state.outputs.length > 0) {
    const readMore = state.isCutShort && canAsk ? actions.readMore : undefined;
    parts.push(showOutputs(state.outputs, { origins: actions.origins, open: actions.opener(), readMore }));
  }
  if (state.problem !== undefined) parts.push(problemOf(state.problem));
  const notes = [state.diagnosis, stopNote, plainNoteOf(state)].filter((note) => note !== undefined);
  parts.push(...notes.map((note) => el('p', { class: 'plain', dir: 'auto' }, note)));
  return parts;
}

/** @param {ViewState} state */
function plainNoteOf({ phase, problem, outputs }) {
  if (phase === 'quoted' && problem === undefined) return 'The input is valid. Nothing was run or charged.';
  if (phase === 'stopped')
    return 'The call was stopped before a run was known. Ask the assistant to look for it.';
  if (phase === 'succeeded' && outputs.length === 0) return 'The run ended without an output.';
  return undefined;
}

/** @param {import('./run-state.js').Problem} problem */
function problemOf({ code, message, details, nextAction, retryAfterSeconds }) {
  const retry = retryAfterSeconds === undefined ? undefined : `Try again in ${retryAfterSeconds} s.`;
  const next = [retry, nextAction].filter(Boolean).join(' ');
  return el(
    'section',
    { class: 'problem', 'aria-label': 'What went wrong' },
    el('p', { class: 'what', dir: 'auto' }, message),
    details.length === 0
      ? undefined
      : el('ul', {}, ...details.map((line) => el('li', { dir: 'auto' }, line))),
    next === '' ? undefined : el('p', { class: 'next', dir: 'auto' }, el('strong', {}, 'What to do: '), next),
    el('p', { class: 'code' }, code),
  );
}

/** @param {ViewState} state */
function factsOf(state) {
  const { cost, seconds, startedAt, runId, phase } = state;
  const isRunning = phase === 'active' && startedAt !== undefined;
  const time = seconds ?? (isRunning ? Math.max(0, (Date.now() - startedAt) / 1_000) : undefined);
  const facts = [];
  const isTold = cost !== undefined && (cost.isFinal || phase === 'quoted' || !isOver(state));
  if (isTold)
    facts.push(fact(cost.isFinal ? 'Cost' : phase === 'quoted' ? 'At most' : 'Estimate', cost.text));
  if (time !== undefined) facts.push(fact('Time', duration(time, isRunning)));
  if (state.isReplayed) facts.push(fact('Note', 'existing run'));
  if (runId !== undefined) facts.push(fact('Run', runId, 'id'));
  return facts;
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} [kind]
 */
function fact(name, value, kind) {
  return el(
    'div',
    { class: kind },
    el('dt', {}, name),
    el('dd', { title: kind === 'id' ? value : undefined }, value),
  );
}

/**
 * @param {number} seconds
 * @param {boolean} isRunning Whole seconds do not flicker.
 */
function duration(seconds, isRunning) {
  if (seconds < 60) return isRunning ? `${Math.floor(seconds)} s` : `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.floor(seconds % 60);
  return minutes < 60 ? `${minutes} min ${rest} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * @param {HTMLElement} buttons
 * @param {ViewState} state
 * @param {Situation & CardActions} context
 */
function showButtons(buttons, state, { isStopping, isTired, canAsk, stop, checkAgain, opener }) {
  const isActive = canAsk && state.phase === 'active' && state.runId !== undefined;
  const [only, ...others] = state.outputs;
  const single = others.length === 0 ? only : undefined;
  const wanted = isActive ? `${isTired}${isStopping}` : (single?.url ?? '');
  // The one that has the focus stays as long as it is the same.
  if (buttons.dataset.wanted === wanted) return;
  buttons.dataset.wanted = wanted;
  const check = el('button', { type: 'button', click: checkAgain }, 'Check again');
  const label = isStopping ? 'Stopping…' : 'Stop';
  const end = el(
    'button',
    { type: 'button', class: 'stop', disabled: isStopping, click: stop },
    icon('stop'),
    label,
  );
  const open = single === undefined ? undefined : openButton(single, { open: opener(), name: 'Output' });
  const idle = open === undefined ? [] : [open];
  buttons.replaceChildren(...(isActive ? [...(isTired ? [check] : []), end] : idle));
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === '';
}
