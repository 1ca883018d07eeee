export { createFileProfile } from './create-file-profile.ts';
export { readProfiles } from './file-profiles.ts';
