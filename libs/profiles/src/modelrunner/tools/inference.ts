/** Requests: submitted, looked at, waited for and found again in the history, in the platform's own words. */
import {
  type ContentBlock,
  defineTool,
  ErrorEnvelope,
  getRun,
  isTerminal,
  listRuns,
  madeOnce,
  type Run,
  runModel,
  type Told,
  text,
} from '@inferry/contracts';
import { z } from 'zod';
import { readOnly, write } from '../../annotations.ts';
import { money, outputText, toLink } from '../../present-run.ts';
import {
  clampLimit,
  platform,
  runsWith,
  statusWords,
  toBillingStatus,
  toEndpoint,
  toModel,
  toPage,
  toProductError,
  toProductText,
  toStatusWord,
  toTotalPrice,
} from '../words.ts';
import { endpoint, limit, page, paged } from './discovery.ts';

const object = z.record(z.string(), z.unknown());
const requestId = z.string().min(1).max(100).describe('Id that run_model returned');
const metadata = object.optional();

const request = {
  id: z.string().optional().describe('Request id'),
  modelEndpoint: z.string().optional().describe('Model or wrapper'),
  status: z
    .string()
    .optional()
    .describe(`One of ${statusWords.join(', ')}`),
  billingStatus: z
    .string()
    .optional()
    .describe('pending, charged, partial or failed: COMPLETED alone is not success'),
  output: z.array(z.string()).optional().describe('URLs or texts'),
  totalPrice: z.string().optional().describe('Charged, in USD'),
  createdAt: z.string().optional().describe('RFC 3339'),
  inferenceTime: z.number().optional().describe('Seconds'),
  notes: z.array(z.string()).optional().describe('What to know of the output'),
};

export const runModelTool = defineTool({
  name: 'run_model',
  title: 'Run model',
  description:
    'Submit a request to a model or wrapper and return its requestId at once; wait_for_request has the output. Spends credits; input is checked first, and nothing is charged when it is wrong. Files are URLs: see create_upload_url. metadata: up to 16 tags (key 1-64, value up to 512 characters) to find it again with list_my_requests.',
  annotations: write,
  operation: runModel,
  renamed: { model: 'endpoint' },
  // Whoever leaves it out is told what the model needs.
  explained: ['input'],
  input: z.object({
    endpoint,
    input: object
      .optional()
      .describe('Inputs of the model; see get_model. Of a wrapper with several base models: base_model too'),
    metadata: metadata.describe('String tags'),
  }),
  output: z.object({
    requestId: z.string().optional().describe('Pass to wait_for_request'),
    status: z.string().optional().describe('IN_QUEUE or IN_PROGRESS'),
    modelEndpoint: z.string().optional().describe('Model or wrapper'),
    hint: z.string().optional().describe('What to call next'),
    error: ErrorEnvelope.optional(),
  }),
  // It returns as soon as the request is safe, whatever the client would wait.
  waitSeconds: () => 0,
  toInput: ({ endpoint: name, input, metadata: tags }) => ({
    model: toModel(name),
    ...(input !== undefined && { input }),
    ...(tags !== undefined && { metadata: tags }),
    wait_seconds: 0,
  }),
  present({ run }) {
    if (run === undefined) return [];
    const { requestId: id, status, modelEndpoint } = toSubmitted(run);
    return [text(`Request ${id}: ${status} (${modelEndpoint}).\nNext: wait_for_request(requestId="${id}")`)];
  },
  toStructured: ({ run }) => (run === undefined ? {} : toSubmitted(run)),
  toError: toProductError,
});

function toSubmitted({ run_id: id, status, model = '', wrapper = model }: Run) {
  return {
    requestId: id,
    status: toStatusWord(status, undefined),
    modelEndpoint: toEndpoint(wrapper),
    hint: `wait_for_request(requestId="${id}")`,
  };
}

type Looked = z.infer<typeof getRun.reply>;

/** Every output, however many: nothing else has the rest of them. */
const shownParts = ['outputs', 'upstream'] as const;

export const getRequestTool = defineTool({
  name: 'get_request',
  title: 'Get request',
  description:
    'A request now: status, output when it is there, what was charged, why it failed. COMPLETED with billingStatus failed is a generation that failed.',
  annotations: readOnly,
  operation: getRun,
  renamed: { run_id: 'requestId' },
  input: z.object({ requestId }),
  output: z.object({
    ...request,
    hint: z.string().optional().describe('What to call next'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ requestId: id }) => ({ run_id: id, include: [...shownParts] }),
  present: (looked, told) => presentRequest(looked, toRequest(looked, told), ''),
  toStructured: (looked, told) => toRequest(looked, told),
  toError: toProductError,
});

const maxWait = 600;
const usualWait = 120;

export const waitForRequestTool = defineTool({
  name: 'wait_for_request',
  title: 'Wait for request',
  description:
    'Waits for the end of a request and returns its output URLs, what was charged or why it failed. Waits timeoutSeconds, or less where the client would give up before that; then it says so, the request goes on, and the same call waits on.',
  annotations: readOnly,
  operation: getRun,
  input: z.object({
    requestId,
    timeoutSeconds: z.number().min(0).optional().describe('Longest wait, default 120, at most 600'),
    pollIntervalSeconds: z
      .number()
      .min(0)
      .optional()
      .describe('Default 2; the end is told at once whatever it is'),
  }),
  output: getRequestTool.output.extend({
    waitedSeconds: z.int().optional().describe('Of a request that has not ended'),
  }),
  waitSeconds: ({ timeoutSeconds }) => toWait(Number(timeoutSeconds ?? usualWait)),
  toInput: ({ requestId: id, timeoutSeconds = usualWait }) => ({
    run_id: id,
    wait_seconds: toWait(timeoutSeconds),
    include: [...shownParts],
    tell_wait: true,
  }),
  present: (looked, told) => presentRequest(looked, toRequest(looked, told), waitText(looked)),
  toStructured: (looked, told) => ({ ...toRequest(looked, told), ...waitFacts(looked) }),
  toError: toProductError,
});

function toWait(seconds: number): number {
  return Number.isFinite(seconds) ? Math.min(maxWait, Math.max(0, Math.ceil(seconds))) : usualWait;
}

/** Only of a wait that ended before the request did: what that means is said in the same words as text and as hint. */
function waitFacts({ run, wait }: Looked) {
  if (run === undefined || wait === undefined || isTerminal(run.status)) return {};
  return { waitedSeconds: wait.seconds, hint: waitText({ run, wait }) };
}

function waitText({ run, wait }: Looked): string {
  if (run === undefined || wait === undefined || isTerminal(run.status)) return '';
  const next = `The request goes on: call wait_for_request(requestId="${run.run_id}") again.`;
  if (wait.seconds >= wait.asked) return `It has not ended within ${wait.asked} s. ${next}`;
  return `The wait ended after ${wait.seconds} s of the ${wait.asked} asked for, before this client gives up on the call. ${next}`;
}

/** Every look at a request passes here: its lines are put one after the other, which spread literals take twice as long for. */
function presentRequest({ run }: Looked, told: Partial<Described>, waitLine: string): ContentBlock[] {
  if (run === undefined) return [];
  const { outputs = [] } = run;
  const lines = [`Request ${told.id}: ${told.status}, billing ${told.billingStatus} (${told.modelEndpoint})`];
  for (const [at, one] of outputs.entries()) lines.push(`Output ${at}: ${outputText(one)}`);
  for (const note of told.notes ?? []) lines.push(`Note: ${note}`);
  if (told.error !== undefined) lines.push(`Failed: [${told.error.code}] ${told.error.message}`);
  const summary = timeAndPrice(run, told);
  if (summary !== '') lines.push(summary);
  if (waitLine !== '') lines.push(waitLine);
  if (told.hint !== undefined) lines.push(`Next: ${told.hint}`);
  return [text(lines.join('\n')), ...outputs.flatMap(toLink)];
}

function timeAndPrice({ cost }: Run, { inferenceTime, totalPrice }: Partial<Described>): string {
  const time = inferenceTime === undefined ? '' : `Generated in ${inferenceTime} s.`;
  if (totalPrice === undefined) return time;
  const price = `totalPrice: ${money(cost, Number(totalPrice))}.`;
  return time === '' ? price : `${time} ${price}`;
}

const toRequest = madeOnce(
  ({ run, error }: Looked): Partial<Described> => (run === undefined ? {} : describeRun(run, error)),
);

/** A request in the platform's own words, its fields in the order in which they are told. */
interface Described {
  id: string;
  modelEndpoint?: string;
  baseModelEndpoint?: string;
  status: string;
  billingStatus: string;
  output?: string[];
  totalPrice?: string;
  createdAt?: string;
  inferenceTime?: number;
  notes?: string[];
  error?: ReturnType<typeof toProductError>;
  hint?: string;
}

function describeRun(run: Run, error?: Looked['error']): Described {
  const { model, wrapper, outputs = [], created_at: createdAt, finished_at: finishedAt, notes = [] } = run;
  const named = model === undefined ? {} : { modelEndpoint: toEndpoint(wrapper ?? model) };
  const based =
    model === undefined || wrapper === undefined ? named : { ...named, baseModelEndpoint: toEndpoint(model) };
  const described: Described = {
    id: run.run_id,
    ...based,
    status: toStatusWord(run.status, run.upstream?.status),
    billingStatus: toBillingStatus(run),
  };
  if (outputs.length > 0) described.output = outputs.map(({ text: said, url = '' }) => said ?? url);
  const totalPrice = toTotalPrice(run);
  if (totalPrice !== undefined) described.totalPrice = totalPrice;
  if (createdAt !== undefined) {
    described.createdAt = createdAt;
    if (finishedAt !== undefined && run.status === 'succeeded')
      described.inferenceTime = Math.round((Date.parse(finishedAt) - Date.parse(createdAt)) / 100) / 10;
  }
  if (notes.length > 0) described.notes = notes;
  if (error !== undefined) described.error = toProductError(error);
  if (!isTerminal(run.status)) described.hint = `wait_for_request(requestId="${run.run_id}")`;
  return described;
}

export const listMyRequestsTool = defineTool({
  name: 'list_my_requests',
  title: 'List my requests',
  description:
    'Your requests, newest first, page by page. Filters: status, modelEndpoint, metadata (every key=value pair must match).',
  annotations: readOnly,
  operation: listRuns,
  input: z.object({
    status: z.enum(statusWords).optional().describe('Filter; COMPLETED has failed generations too'),
    modelEndpoint: z.string().max(250).optional().describe('Filter: owner/name'),
    metadata: metadata.describe('Filter: tags of run_model'),
    page,
    limit,
  }),
  output: z.object({
    ...paged,
    data: z
      .array(z.object(request).omit({ notes: true }))
      .optional()
      .describe('Requests'),
    hint: z.string().optional().describe('Why there are none'),
    error: ErrorEnvelope.optional(),
  }),
  toInput: ({ status, modelEndpoint, metadata: tags, page: number = 1, limit: size }) => ({
    provider: platform,
    ...(status !== undefined && { any_of: runsWith(status) }),
    ...(modelEndpoint !== undefined && { model: toModel(modelEndpoint) }),
    ...(tags !== undefined && { metadata: tags }),
    page_number: number,
    ...(size !== undefined && { limit: clampLimit(size) }),
    with_upstream: true,
  }),
  present(reply, told) {
    const { data, page: number, total, totalPages, hint } = toRequestPage(reply, told);
    const last = `Page ${number} of ${totalPages}, ${total} in all.`;
    const lines = data.map(requestLine);
    return [text([...lines, last, ...(hint === undefined ? [] : [hint])].join('\n'))];
  },
  toStructured: (reply, told) => toRequestPage(reply, told),
  toError: toProductError,
});

type Listed = z.infer<typeof listRuns.reply>;

/** Of a request that is only named, what its status says is not said again. */
function toListed(run: Run) {
  const { billingStatus, ...listed } = describeRun(run);
  const isNews = billingStatus === 'failed' || billingStatus === 'partial';
  return { ...listed, ...((isNews || run.model !== undefined) && { billingStatus }) };
}

const toRequestPage = madeOnce(
  (
    { items = [], page: { total } = {}, hint }: Listed,
    { args = {} }: Told<{ page?: number | undefined; limit?: number | undefined }>,
  ) => {
    const listed = toPage(items.map(toListed), args, total);
    return { ...listed, ...(hint !== undefined && { hint: toProductText(hint) }) };
  },
);

function requestLine({
  id,
  status,
  billingStatus,
  modelEndpoint,
  createdAt,
  totalPrice,
  output = [],
}: ReturnType<typeof toListed>): string {
  const facts = [
    `${status}${billingStatus === 'failed' ? ' (generation failed)' : ''}`,
    modelEndpoint,
    createdAt,
    totalPrice === undefined ? undefined : `$${Number(totalPrice)}`,
  ];
  return [`- ${id}: ${facts.filter(Boolean).join(', ')}`, ...output.map((one) => `  ${one}`)].join('\n');
}
