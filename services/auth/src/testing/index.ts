export { createLocalAccount } from '../identity/accounts.ts';
export { seedRuns } from './many-runs.ts';
export { openSignIn, type SignInTestOptions, type SignInUnderTest } from './open-sign-in.ts';
export { pageGallery } from './page-gallery.ts';
export { type ScriptedKeys, scriptKeys } from './scripted-keys.ts';
