// Codes of the endpoint itself, before any tool is called: a part of the table in error-codes.ts.

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

export const endpointErrorCodes = {
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
} as const satisfies Record<string, ErrorRow>;
