import { type CancelOutcome, cancelRun, defineTool, text } from '@inferry/contracts';
import { destructive } from '../../annotations.ts';
import { presentRun } from '../../present-run.ts';

const sentences: Record<CancelOutcome, string> = {
  confirmed: 'It has stopped.',
  requested: 'The provider was asked to stop it and has not said so yet; check with get_run.',
  unsupported: 'This provider cannot stop a run: it goes on and is charged.',
  already_finished: 'It had finished before.',
};

export const cancelRunTool = defineTool({
  name: 'cancel_run',
  title: 'Cancel run',
  description:
    'Stop a queued or running run at the provider; breaking off a call does not. Says whether the provider really stopped it (confirmed), cannot (unsupported) or finished first, and what will be charged.',
  annotations: destructive,
  operation: cancelRun,
  present({ run, outcome }) {
    const sentence = outcome === undefined ? [] : [text(`Cancel: ${outcome}. ${sentences[outcome]}`)];
    return run === undefined ? sentence : [...sentence, ...presentRun(run)];
  },
});
