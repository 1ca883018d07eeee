// What the view knows, as plain values: every message makes a new state, and the card shows it.
import { isJson } from './bridge.js';

/**
 * @typedef {import('./bridge.js').Json} Json
 * @typedef {object} Problem
 * @property {string} code
 * @property {string} message
 * @property {string} [nextAction]
 * @property {number} [retryAfterSeconds]
 * @property {string[]} details
 *
 * @typedef {object} Output
 * @property {string} kind
 * @property {string} [url]
 * @property {string} [text]
 * @property {string} [mimeType]
 * @property {number} [bytes]
 * @property {string} [assetId]
 * @property {boolean} isCut
 *
 * @typedef {object} ViewState
 * @property {'waiting' | 'active' | 'succeeded' | 'failed' | 'cancelled' | 'quoted' | 'stopped'} phase
 * @property {string} [status]
 * @property {string} [model]
 * @property {string} [prompt]
 * @property {string} [runId]
 * @property {string} [clientRef]
 * @property {number} [progress] 0..1
 * @property {number} [queuePosition]
 * @property {number} [startedAt] Epoch ms.
 * @property {number} [seconds] How long it took.
 * @property {Output[]} outputs
 * @property {{ text: string, isFinal: boolean }} [cost]
 * @property {Problem} [problem]
 * @property {string} [diagnosis]
 * @property {boolean} isReplayed
 * @property {boolean} isCutShort There is more text than is shown.
 */

/** @type {ViewState} */
export const emptyState = { phase: 'waiting', outputs: [], isReplayed: false, isCutShort: false };

/**
 * The arguments of the call that this view is about.
 * @param {ViewState} state
 * @param {Json} args
 * @returns {ViewState}
 */
export function withInput(state, args) {
  const input = isJson(args.input) ? args.input : {};
  return {
    ...state,
    model: state.model ?? text(args.model),
    prompt: state.prompt ?? clip(text(input.prompt) ?? text(input.text), 400),
    runId: state.runId ?? text(args.run_id),
    clientRef: state.clientRef ?? text(args.client_ref),
  };
}

/**
 * A result of `run_model`, `get_run` or `cancel_run`.
 * @param {ViewState} state
 * @param {Json} result MCP `CallToolResult`
 * @returns {ViewState}
 */
export function withResult(state, result) {
  const { run, error, quote, validation, replayed, diagnosis, next_offset: next } = structureOf(result);
  const problem = isJson(error) ? toProblem(error) : undefined;
  if (isJson(run)) {
    const known = withRun(state, run);
    return {
      ...known,
      problem,
      diagnosis: text(diagnosis),
      isReplayed: state.isReplayed || replayed === true,
      isCutShort: typeof next === 'number' || known.outputs.some(({ isCut }) => isCut),
    };
  }
  if (problem !== undefined) return { ...state, phase: 'failed', problem };
  if (isJson(quote) || Array.isArray(validation)) return { ...state, ...toQuote(quote, validation) };
  return {
    ...state,
    phase: 'failed',
    problem: { code: 'no_result', message: firstText(result), details: [] },
  };
}

/**
 * @param {ViewState} state
 * @returns {ViewState}
 */
export function withCancelledCall(state) {
  return state.runId === undefined && state.phase === 'waiting' ? { ...state, phase: 'stopped' } : state;
}

/** @param {ViewState} state */
export function isOver({ phase }) {
  return phase !== 'waiting' && phase !== 'active';
}

/**
 * @param {Json} result
 * @returns {Json}
 */
export function structureOf(result) {
  return isJson(result.structuredContent) ? result.structuredContent : {};
}

/**
 * @param {ViewState} state
 * @param {Json} run
 * @returns {ViewState}
 */
function withRun(state, run) {
  const status = text(run.status) ?? 'running';
  const startedAt = time(run.created_at) ?? state.startedAt;
  const finishedAt = time(run.finished_at);
  return {
    ...state,
    status,
    phase: phaseOf(status),
    model: text(run.model) ?? state.model,
    runId: text(run.run_id) ?? state.runId,
    progress: number(run.progress),
    queuePosition: number(run.queue_position),
    startedAt,
    seconds: startedAt && finishedAt ? Math.max(0, (finishedAt - startedAt) / 1_000) : undefined,
    outputs: Array.isArray(run.outputs) ? run.outputs.filter(isJson).map(toOutput) : state.outputs,
    cost: isJson(run.cost) ? toCost(run.cost) : state.cost,
  };
}

/**
 * @param {string} status
 * @returns {ViewState['phase']}
 */
function phaseOf(status) {
  if (status === 'queued' || status === 'running') return 'active';
  return status === 'succeeded' || status === 'cancelled' ? status : 'failed';
}

/**
 * @param {Json} output
 * @returns {Output}
 */
function toOutput(output) {
  return {
    kind: text(output.kind) ?? 'file',
    url: text(output.url),
    text: text(output.text),
    mimeType: text(output.mime_type),
    bytes: number(output.bytes),
    assetId: text(output.asset_id),
    isCut: output.truncated === true,
  };
}

/**
 * @param {Json} cost
 * @returns {ViewState['cost']}
 */
function toCost({ charged, estimated, currency }) {
  const amount = number(charged) ?? number(estimated);
  if (amount === undefined) return undefined;
  return { text: money(amount, text(currency)), isFinal: number(charged) !== undefined };
}

/**
 * @param {unknown} quote
 * @param {unknown} validation
 * @returns {Partial<ViewState>}
 */
function toQuote(quote, validation) {
  const problems = Array.isArray(validation) ? validation.filter(isJson).map(problemLine) : [];
  const max = isJson(quote) ? number(quote.max) : undefined;
  const currency = isJson(quote) ? text(quote.currency) : undefined;
  return {
    phase: 'quoted',
    cost: max === undefined ? undefined : { text: money(max, currency), isFinal: false },
    problem:
      problems.length === 0
        ? undefined
        : { code: 'validation_failed', message: 'The input does not fit this model.', details: problems },
  };
}

/**
 * @param {Json} error
 * @returns {Problem}
 */
function toProblem(error) {
  const errors = isJson(error.details) ? error.details.errors : undefined;
  return {
    code: text(error.code) ?? 'failed',
    message: text(error.message) ?? 'The run failed.',
    nextAction: text(error.next_action),
    retryAfterSeconds: number(error.retry_after_seconds),
    details: Array.isArray(errors) ? errors.filter(isJson).slice(0, 8).map(problemLine) : [],
  };
}

/** @param {Json} problem */
function problemLine({ path, message, hint }) {
  return `${text(path) ?? 'input'}: ${text(message) ?? ''}${text(hint) ? ` (${hint})` : ''}`;
}

/**
 * @param {number} amount
 * @param {string} [currency]
 */
function money(amount, currency = 'USD') {
  if (amount === 0) return 'Free';
  const digits = amount >= 0.01 ? amount.toFixed(2) : String(Number(amount.toPrecision(3)));
  return currency === 'USD' ? `$${digits}` : `${digits} ${currency}`;
}

/** @param {Json} result */
function firstText({ content }) {
  const block = Array.isArray(content)
    ? content.find((item) => isJson(item) && item.type === 'text')
    : undefined;
  return clip(text(block?.text), 600) ?? 'The call had no result.';
}

/**
 * @param {unknown} value
 * @returns {string | undefined}
 */
function text(value) {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * @param {string | undefined} value
 * @param {number} length
 */
function clip(value, length) {
  return value !== undefined && value.length > length ? `${value.slice(0, length - 1)}…` : value;
}

/**
 * @param {unknown} value
 * @returns {number | undefined}
 */
function number(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** @param {unknown} value */
function time(value) {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
