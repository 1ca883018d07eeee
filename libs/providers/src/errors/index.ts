export { beforeSubmit } from './before-submit.ts';
export {
  classifyFailure,
  codeOfStatus,
  type FailedReply,
  type FailureContext,
  type FailureRule,
  type Purpose,
  uncertainSubmit,
  type Verdict,
} from './classify-failure.ts';
export { type CleanOptions, cleanText, withoutSecrets } from './clean-text.ts';
export { jobMessage } from './job-message.ts';
export { type Headers, retryAfterSeconds } from './retry-after.ts';
