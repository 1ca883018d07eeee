export { createRunView, type RunView } from './run-view.ts';
