/**
 * One skill as files (agentskills.io): its folder's name, and every file in it by its path there. Each file is named by
 * a `new URL('./skills/<name>/<path>', import.meta.url)` of its own, which is how a bundle finds it too.
 */
export interface SkillSource {
  name: string;
  files: Readonly<Record<string, URL>>;
}
