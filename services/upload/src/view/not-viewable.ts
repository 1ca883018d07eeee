import { AppError } from '@inferry/contracts';

/** What cannot be shown as a picture, and what to do in place of it. */
export function notViewable(message: string, nextAction = 'Open the link of the file.'): AppError {
  return new AppError('not_viewable', message, { nextAction });
}
