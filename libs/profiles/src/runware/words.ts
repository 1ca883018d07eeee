/** How Runware says what this system says otherwise: AIRs, error codes and their lines, calls of its own tools. */
import {
  type ContentBlock,
  type ErrorCode,
  type ErrorEnvelope,
  errorCodes,
  maxShortBytes,
  type Said,
  type Told,
  text,
  type Words,
  writeCall,
} from '@inferry/contracts';

export const platform = 'runware';
const prefix = `${platform}/`;
const docs = 'https://runware.ai/docs';

/** An AIR or a slug: the platform's models here have its name before them. */
export function toModel(air: string): string {
  return air.startsWith(prefix) ? air : prefix + air;
}

export function toAir(model: string): string {
  return model.startsWith(prefix) ? model.slice(prefix.length) : model;
}

/** Of codes whose status says another thing than the product does. */
const named: Partial<Record<ErrorCode, string>> = {
  busy: 'rateLimit',
  cancelled: 'aborted',
  catalog_fetch_failed: 'connection',
  content_blocked: 'safety',
  deadline_exceeded: 'timeout',
  generate_failed: 'provider',
  polling_timeout: 'timeout',
  submit_unknown: 'unknown',
  upstream_failed: 'unknown',
  upstream_unavailable: 'connection',
  url_fetch_failed: 'validation',
  storage_quota_exceeded: 'quota',
};

const byStatus: Readonly<Record<number, string>> = {
  401: 'auth',
  402: 'quota',
  403: 'auth',
  404: 'notFound',
  410: 'notFound',
  429: 'rateLimit',
};

/** The product's twelve codes, for each of ours. */
export const codes: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(errorCodes).map(([code, { http }]) => [
    code,
    // as: the keys of the table are the codes.
    named[code as ErrorCode] ?? byStatus[http] ?? (http >= 500 ? 'serverError' : 'validation'),
  ]),
);

/** What of the platform's own fields of a task is an option of a run here. */
export const optionOf = {
  taskType: 'task_type',
  outputType: 'output_type',
  ttl: 'media_ttl',
  uploadEndpoint: 'upload_endpoint',
  webhookURL: 'webhook_url',
} as const;

/** Calls that no tool of the product is named for. */
export const words: Partial<Words> = {
  call(operation, args) {
    switch (operation) {
      case 'get_run':
      case 'list_runs':
        return taskCall(args);
      case 'get_account':
        return 'account(operation="getDetails")';
      case 'estimate_cost':
        return modelCall('model_pricing', args);
      case 'create_upload':
      case 'upload_file':
        return 'media_storage(operation="upload")';
      case 'search_models':
        return writeCall('list_models', renamed(args, { query: 'search' }, listArguments));
      case 'get_model':
        return modelCall('model_schema', args);
      default:
        return undefined;
    }
  },
};

const listArguments = ['search', 'capability', 'category', 'creator'];

/** Of a run; a list of one's tasks is nothing that the product has. */
function taskCall(args: readonly Said[]): string | undefined {
  const id = args.find(({ name }) => name === 'run_id');
  return id === undefined ? undefined : writeCall('get_task_details', [{ ...id, name: 'taskUUID' }]);
}

function modelCall(tool: string, args: readonly Said[]): string {
  const model = args.find(({ name }) => name === 'model');
  const name = tool === 'model_schema' ? 'model' : 'air';
  if (model === undefined) return tool;
  return writeCall(tool, [{ name, value: model.value?.replace(`"${prefix}`, '"') }]);
}

function renamed(
  args: readonly Said[],
  names: Readonly<Record<string, string>>,
  known: readonly string[],
): Said[] {
  return args
    .map((arg) => ({ ...arg, name: names[arg.name] ?? arg.name }))
    .filter(({ name }) => known.includes(name));
}

/**
 * In the product's lines: what is wrong with the parameters in the first one, then the first of them, the kind of task, and
 * where they are described.
 */
export function toProductError(error: ErrorEnvelope, { args }: Told): ErrorEnvelope {
  const problems = problemsOf(error);
  const asked = toAsked(args);
  const message = error.message.replaceAll(prefix, '');
  if (error.code === 'model_not_found' && asked.model !== undefined) {
    return { ...error, message: notFoundText(asked.model), next_action: findOne(error), ...shortened(error) };
  }
  if (error.code !== 'validation_failed' || problems.length === 0) return { ...error, message };
  const [first] = problems;
  const said = problems.map(({ path, message: wrong }) => `${path} ${wrong}`.trim()).join('; ');
  const lines = [
    `Validation failed for ${asked.taskType ?? asked.model ?? 'the call'}: ${said}`,
    ...(first === undefined || first.path === '' ? [] : [`Parameter: ${first.path}`]),
    ...(asked.taskType === undefined ? [] : [`Task: ${asked.taskType}`]),
    `Docs: ${docsOf(asked.model, first?.path)}`,
  ];
  return { ...error, message: lines.join('\n'), details: { ...error.details, errors: problems } };
}

interface Asked {
  model?: string;
  taskType?: string;
}

function toAsked(args: unknown): Asked {
  const { model, air, taskType } = Object(args) as Record<string, unknown>;
  const name = typeof model === 'string' ? model : air;
  return {
    ...(typeof name === 'string' && name !== '' && { model: toAir(name).slice(0, 100) }),
    ...(typeof taskType === 'string' && { taskType: taskType.slice(0, 60) }),
  };
}

function notFoundText(model: string): string {
  return `Unknown model '${model}'. Pass taskType in params (e.g., imageInference) if the platform has it.\nDocs: ${docs}/platform/errors`;
}

export const howToFind =
  'list_models has the identifiers of curated models; model_search those of the community.';

function findOne({ details }: ErrorEnvelope): string {
  const [first] = Array.isArray(details?.suggestions) ? details.suggestions : [];
  return typeof first === 'string' ? `Did you mean ${toAir(first)}? ${howToFind}` : howToFind;
}

/** Suggestions are AIRs here. */
function shortened({ details }: ErrorEnvelope): Pick<ErrorEnvelope, 'details'> {
  const suggestions = details?.suggestions;
  if (!Array.isArray(suggestions)) return {};
  const airs = suggestions.filter((id) => typeof id === 'string').map(toAir);
  return { details: { ...details, suggestions: airs } };
}

/** The page of a model is named by its slug; an AIR leads to their list. */
function docsOf(model: string | undefined, parameter: string | undefined): string {
  const isSlug = model !== undefined && /^[a-z0-9-]+$/.test(model);
  if (!isSlug) return `${docs}/models`;
  const anchor = parameter === undefined || parameter === '' ? '' : `#request-${parameter}`;
  return `${docs}/models/${model}${anchor.replaceAll('.', '-').toLowerCase()}`;
}

interface Problem {
  path: string;
  message: string;
  hint?: string;
}

/** By the names that the caller gave. */
function problemsOf({ details }: ErrorEnvelope): Problem[] {
  const listed = Array.isArray(details?.errors) ? details.errors : [];
  return listed.flatMap((one): Problem[] => {
    const { path, message, hint } = Object(one) as Partial<Problem>;
    if (typeof path !== 'string' || typeof message !== 'string') return [];
    const [first = '', ...rest] = path.replace(/^(input|options)\./, '').split('.');
    const name = Object.entries(optionOf).find(([, option]) => option === first)?.[0] ?? first;
    const named = name === 'input' && rest.length === 0 ? '' : [name, ...rest].join('.');
    return [{ path: named, message, ...(hint !== undefined && { hint }) }];
  });
}

/** A document under a line, as the product prints it; without its indents where that is what makes it long. */
export function documentText(title: string, document: unknown): ContentBlock {
  const head = title === '' ? '' : `${title}\n\n`;
  const pretty = head + (JSON.stringify(document, null, 2) ?? 'null');
  return text(
    Buffer.byteLength(pretty) <= maxShortBytes ? pretty : head + (JSON.stringify(document) ?? 'null'),
  );
}
