// The one table of error codes: what each means, whoever throws it. docs/errors.md is made of it.

/** What is known of an error code, whoever throws it. */
export interface ErrorRow {
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** Status where the error answers a plain HTTP request; a tool's result is one of 200. */
  readonly http: number;
  readonly meaning: string;
  /** What to do next. */
  readonly fix: string;
}

/** Every error code that a caller can meet. Codes are API: lower snake case, stable, pinned by a test. */
export const errorCodes = {
  // Edge
  host_rejected: {
    retryable: false,
    http: 403,
    meaning: 'The Host header names a host that this server does not answer for',
    fix: 'Use an address of PUBLIC_URL, or add the host to MCP_ALLOWED_HOSTS',
  },
  origin_rejected: {
    retryable: false,
    http: 403,
    meaning: 'A page of an origin that is not allowed made the request',
    fix: 'Add the origin to MCP_ALLOWED_ORIGINS',
  },
  body_too_large: {
    retryable: false,
    http: 413,
    meaning: 'The body is larger than this kind of call may have',
    fix: 'Upload files with create_upload, and name them by their ids',
  },
  missing_authorization: {
    retryable: false,
    http: 401,
    meaning: 'The request has no credential',
    fix: 'Send Authorization: Bearer with a key, or sign in',
  },
  malformed_authorization: {
    retryable: false,
    http: 401,
    meaning: 'The credential has no form that is known here',
    fix: 'Check how the client sends it; variables are not always replaced',
  },
  invalid_token: {
    retryable: false,
    http: 401,
    meaning: 'The credential is wrong, ended or revoked',
    fix: 'Sign in again, or make a new key',
  },
  insufficient_scope: {
    retryable: false,
    http: 403,
    meaning: 'The credential was not given the right to do this',
    fix: 'Sign in again and allow it, or use another key',
  },
  rate_limited: {
    retryable: true,
    http: 429,
    meaning: 'Too many requests in the window of this caller',
    fix: 'Wait retry_after_seconds',
  },
  not_found: {
    retryable: false,
    http: 404,
    meaning: 'There is nothing at this address',
    fix: 'Check the address',
  },
  method_not_allowed: {
    retryable: false,
    http: 405,
    meaning: 'The address does not take this method',
    fix: 'MCP is served by POST',
  },
  unsupported_media_type: {
    retryable: false,
    http: 415,
    meaning: 'The body is not of a type that is read here',
    fix: 'Send application/json, unpacked',
  },
  // Protocol
  parse_error: {
    retryable: false,
    http: 400,
    meaning: 'The body is not JSON',
    fix: 'Send one JSON-RPC message',
  },
  invalid_request: {
    retryable: false,
    http: 400,
    meaning: 'The message is no JSON-RPC request, or says what its revision does not allow',
    fix: 'Correct what the message names',
  },
  method_not_found: {
    retryable: false,
    http: 404,
    meaning: 'The method does not exist in the revision in use',
    fix: 'Use a method of that revision',
  },
  header_mismatch: {
    retryable: false,
    http: 400,
    meaning: 'A header says another thing than the body',
    fix: 'Send both alike',
  },
  unsupported_protocol_version: {
    retryable: false,
    http: 400,
    meaning: 'The revision is not served',
    fix: 'Use one that initialize or server/discover names',
  },
  // Calls
  validation_failed: {
    retryable: false,
    http: 400,
    meaning: 'The arguments or the input do not fit their schema; nothing was charged',
    fix: 'Correct the fields that details.problems names',
  },
  invalid_cursor: {
    retryable: false,
    http: 400,
    meaning: 'The cursor is not one of this list',
    fix: 'Begin again without a cursor',
  },
  tool_not_available: {
    retryable: false,
    http: 404,
    meaning: 'There is no such tool here, or the selection hides it',
    fix: 'List the tools; ask for another selection',
  },
  prompt_not_found: {
    retryable: false,
    http: 404,
    meaning: 'There is no such prompt',
    fix: 'List the prompts',
  },
  resource_not_found: {
    retryable: false,
    http: 404,
    meaning: "There is no such resource, or it is somebody else's",
    fix: 'List the resources, or check the URI',
  },
  task_not_found: {
    retryable: false,
    http: 404,
    meaning: "There is no such task, or it is somebody else's",
    fix: 'Use the id that the call gave',
  },
  stream_not_found: {
    retryable: false,
    http: 404,
    meaning: "The stream has ended, or is somebody else's",
    fix: 'Make the call again; runs go on and are found by client_ref',
  },
  session_not_found: {
    retryable: false,
    http: 404,
    meaning: 'The session has ended',
    fix: 'Send initialize again',
  },
  client_capability_missing: {
    retryable: false,
    http: 400,
    meaning: 'The tool has to ask its user, and the client cannot',
    fix: 'Use a client that offers elicitation',
  },
  client_input_missing: {
    retryable: false,
    http: 400,
    meaning: 'What the tool asked for did not come back',
    fix: 'Answer what it asked for',
  },
  deadline_exceeded: {
    retryable: true,
    http: 503,
    meaning: 'It took longer than it may',
    fix: 'Try again; a run is found by its client_ref',
  },
  cancelled: {
    retryable: false,
    http: 499,
    meaning: 'The caller took the call back',
    fix: 'Call again if it is still wanted',
  },
  unavailable: {
    retryable: true,
    http: 503,
    meaning: 'Something that is needed restarts or is away',
    fix: 'Wait retry_after_seconds, then the same call with the same client_ref',
  },
  busy: {
    retryable: true,
    http: 503,
    meaning: 'There is too much to do just now',
    fix: 'Wait retry_after_seconds, then the same call with the same client_ref',
  },
  message_too_large: {
    retryable: false,
    http: 413,
    meaning: 'The answer does not fit into one message',
    fix: 'Ask for less: a smaller limit, fewer sections',
  },
  internal: {
    retryable: false,
    http: 500,
    meaning: 'Something went wrong here, and the log of the server says what',
    fix: 'Try again; if it repeats, report it',
  },
  // Models and runs
  model_not_found: {
    retryable: false,
    http: 404,
    meaning: 'No provider that can be used has this model',
    fix: 'Find it with search_models; use the full id provider/name',
  },
  ambiguous_model: {
    retryable: false,
    http: 400,
    meaning: 'Several providers have a model of this name',
    fix: 'Use the full id provider/name',
  },
  wrapper_not_found: {
    retryable: false,
    http: 404,
    meaning: "There is no such wrapper, or it is somebody else's",
    fix: 'search_models(mine=true, kind="wrapper") shows yours',
  },
  wrapper_broken: {
    retryable: false,
    http: 409,
    meaning: 'The base model of the wrapper is gone or takes other inputs now; nothing was charged',
    fix: 'Its owner mends it with patch_wrapper; use the base model meanwhile',
  },
  version_conflict: {
    retryable: false,
    http: 409,
    meaning: 'It was changed since the version that if_version names',
    fix: 'Read it again, and change the version that details.version names',
  },
  too_many_wrappers: {
    retryable: false,
    http: 429,
    meaning: 'The caller has as many wrappers as one may',
    fix: 'Delete some that nobody needs, or have MAX_WRAPPERS raised',
  },
  run_not_found: {
    retryable: false,
    http: 404,
    meaning: "There is no such run, or it is somebody else's",
    fix: 'list_runs shows yours',
  },
  idempotency_conflict: {
    retryable: false,
    http: 409,
    meaning: 'This client_ref belongs to another model or input',
    fix: 'Use a new client_ref for a new result',
  },
  max_cost_exceeded: {
    retryable: false,
    http: 402,
    meaning: 'The quote is above max_cost, or has no upper bound',
    fix: 'Choose a cheaper model or smaller input, or raise max_cost',
  },
  quote_invalid: {
    retryable: false,
    http: 400,
    meaning: 'The quote is not for this caller, model and input',
    fix: 'Run what was quoted, or ask estimate_cost again',
  },
  quote_expired: {
    retryable: false,
    http: 410,
    meaning: 'The quote was good for some minutes, which are over',
    fix: 'Ask estimate_cost again',
  },
  quote_exceeded: {
    retryable: false,
    http: 402,
    meaning: 'The run would cost more than its quote said',
    fix: 'Ask estimate_cost again, and whoever pays',
  },
  confirmation_required: {
    retryable: false,
    http: 403,
    meaning: 'The run costs more than a person has to confirm',
    fix: 'Have the user open the address that is named, then call again',
  },
  confirmation_declined: {
    retryable: false,
    http: 403,
    meaning: 'The user said no to the cost of the run',
    fix: 'Choose something cheaper, or ask them',
  },
  budget_exceeded: {
    retryable: false,
    http: 402,
    meaning: 'The run would go past what may be spent',
    fix: 'get_account shows what is left; an operator sets budgets',
  },
  budget_currency_mismatch: {
    retryable: false,
    http: 402,
    meaning: 'A budget is in another currency than the price',
    fix: "Choose a model priced in the budget's currency; an operator sets rates",
  },
  price_unknown: {
    retryable: false,
    http: 402,
    meaning: 'A budget cannot hold what nobody prices',
    fix: 'Choose a model whose price estimate_cost tells',
  },
  too_many_runs: {
    retryable: true,
    http: 429,
    meaning: 'The caller has as many runs that have not ended as it may',
    fix: 'Wait until some have ended, or cancel some',
  },
  insufficient_credits: {
    retryable: false,
    http: 402,
    meaning: 'The account at the platform has no credit left',
    fix: 'Top up the account there',
  },
  polling_timeout: {
    retryable: true,
    http: 504,
    meaning: 'The wait ended before the run did',
    fix: 'Follow the run by its id',
  },
  generate_failed: {
    retryable: false,
    http: 502,
    meaning: 'The model failed',
    fix: "Read the run's logs; try other inputs or another model",
  },
  submit_unknown: {
    retryable: false,
    http: 502,
    meaning: 'Nobody can tell whether the platform took the run; it is not sent again',
    fix: "Look at the platform's own list before you start another one",
  },
  run_expired: {
    retryable: false,
    http: 410,
    meaning: 'The platform no longer has the run, or it outlived its time',
    fix: 'Start it again with a new client_ref',
  },
  catalog_fetch_failed: {
    retryable: true,
    http: 503,
    meaning: 'The models of the platform have not been read',
    fix: 'Wait retry_after_seconds, then the same call',
  },
  // Providers
  provider_paused: {
    retryable: true,
    http: 503,
    meaning: 'An operator lets nothing new be run on this platform',
    fix: 'Use another platform, or try again later',
  },
  provider_not_connected: {
    retryable: false,
    http: 403,
    meaning: 'There is no key for this platform that the caller may use',
    fix: 'Connect the platform, or choose another one',
  },
  unauthorized: {
    retryable: false,
    http: 401,
    meaning: 'The platform refuses the key',
    fix: 'Check or replace the key of this connection',
  },
  forbidden: {
    retryable: false,
    http: 403,
    meaning: 'This is not allowed to this caller',
    fix: 'Ask whoever runs the server',
  },
  content_blocked: {
    retryable: false,
    http: 422,
    meaning: 'The platform refuses this content',
    fix: 'Change the content',
  },
  upstream_unavailable: {
    retryable: true,
    http: 502,
    meaning: 'The platform is away or overloaded',
    fix: 'Wait retry_after_seconds, then the same call with the same client_ref',
  },
  upstream_failed: {
    retryable: false,
    http: 502,
    meaning: 'The platform refused or failed without a reason that is known here',
    fix: 'Read the message; try another model',
  },
  upstream_malformed: {
    retryable: true,
    http: 502,
    meaning: 'The platform answered in a form that cannot be read',
    fix: 'Try again; if it repeats, report it',
  },
  // Files
  asset_not_found: {
    retryable: false,
    http: 404,
    meaning: "There is no such file, it has ended, or it is somebody else's",
    fix: 'get_run gives fresh links to outputs; create_upload takes files',
  },
  asset_not_ready: {
    retryable: true,
    http: 404,
    meaning: 'The file has not arrived yet',
    fix: 'Upload it to the URL that create_upload gave, then call again',
  },
  upload_expired: {
    retryable: false,
    http: 410,
    meaning: 'The upload URL has ended',
    fix: 'Ask create_upload for another one',
  },
  upload_mismatch: {
    retryable: false,
    http: 422,
    meaning: 'What arrived is not what was announced',
    fix: 'Upload the file as announced, or announce it as it is',
  },
  upload_too_large: {
    retryable: false,
    http: 413,
    meaning: 'The file is larger than may be stored',
    fix: 'Make it smaller, or pass a public link',
  },
  file_outside_roots: {
    retryable: false,
    http: 403,
    meaning: 'A path leads out of the folders that the client shares (stdio)',
    fix: 'Share the folder: a root of the client, or --root of inferry stdio',
  },
  file_not_found: {
    retryable: false,
    http: 404,
    meaning: 'There is no such file in the folders that the client shares (stdio)',
    fix: 'Check the path; text that begins with @ is written with @@',
  },
  storage_quota_exceeded: {
    retryable: false,
    http: 507,
    meaning: 'The caller has as much stored as one may',
    fix: 'Let files expire, store new ones with expires_in, or have MAX_STORED_BYTES or MAX_STORED_FILES raised',
  },
  url_rejected: {
    retryable: false,
    http: 400,
    meaning: 'The address may not be read from here',
    fix: 'Use a public http or https address',
  },
  url_fetch_failed: {
    retryable: true,
    http: 502,
    meaning: 'The address could not be read',
    fix: 'Check that anybody can read it, or upload the file',
  },
  not_viewable: {
    retryable: false,
    http: 422,
    meaning: 'No picture can be made of this file',
    fix: 'Open its link',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCodes;
