/** What a platform says when it refuses. */
export type FailureKind =
  | 'bad_key'
  | 'no_credit'
  | 'unknown_model'
  | 'unknown_job'
  | 'validation'
  | 'rate_limited'
  | 'server_error'
  | 'unknown_route';
