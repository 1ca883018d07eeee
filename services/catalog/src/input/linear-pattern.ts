/**
 * Patterns of foreign schemas in linear time: model authors write them, and one that backtracks stops a process for ever.
 * RE2 runs what JSON Schema (ECMA-262) means; what it cannot run, and what would take long, is not enforced.
 */
import { Recent } from '@inferry/contracts';
import { RE2JS } from 're2js';

interface LinearPattern {
  /** True where it matches, and where looking would take longer than it may: the platform decides then. */
  test(text: string): boolean;
}

const maxPatternLength = 2_000;
/** Larger ones come of counted repetitions of repetitions. */
const maxProgramSize = 5_000;
/** Of all counted repetitions in a pattern: each writes its part out so many times. */
const maxRepetitions = 2_000;
/** States times characters, for all patterns of one input: some 100 to 200 ms at the most. */
const maxSteps = 6_000_000;
const maxKept = 2_000;
/** Of all programs that are kept, at some 200 bytes for each of their instructions. */
const maxKeptSize = 400_000;
/** Instructions of all patterns of one schema, which take some 50 ms to make. */
const maxSchemaSize = 20_000;
/** What a pattern counts that is none: finding that out takes time as well. */
const unusableSize = 1_000;

interface Kept {
  pattern: LinearPattern | undefined;
  size: number;
}

const kept = new Recent<Kept>(maxKept);
let keptSize = 0;

let stepsLeft = maxSteps;

/** Runs a check whose patterns may take so long together. Nothing in it waits, so that no other check comes between. */
export function withinSteps<T>(check: () => T): T {
  stepsLeft = maxSteps;
  return check();
}

/** Undefined for look-around, back-references, other languages' expressions and what is too large to run. */
export function linearPattern(pattern: string): LinearPattern | undefined {
  return keptOf(pattern).pattern;
}

/**
 * The same for the patterns of one schema, in its order, while they are not too much together: what is beyond is undefined
 * as well. Models' authors write thousands of them, and each takes milliseconds and a megabyte.
 */
export function linearPatterns(): (pattern: string) => LinearPattern | undefined {
  let left = maxSchemaSize;
  return (pattern) => {
    if (left <= 0) return undefined;
    const { pattern: linear, size } = keptOf(pattern);
    left -= size;
    return left < 0 ? undefined : linear;
  };
}

function keptOf(pattern: string): Kept {
  if (pattern.length > maxPatternLength) return { pattern: undefined, size: 1 };
  const known = kept.get(pattern);
  if (known !== undefined) return known;
  const made = compile(pattern);
  keptSize += made.size;
  if (keptSize > maxKeptSize) {
    kept.clear();
    keptSize = made.size;
  }
  kept.set(pattern, made);
  return made;
}

function compile(pattern: string): Kept {
  const unusable = { pattern: undefined, size: unusableSize };
  try {
    if (repetitionsIn(pattern) > maxRepetitions) return unusable;
    // What is no expression by the standard was written for another language, and means something else there.
    if (new RegExp(pattern, 'u').source === '') return unusable;
    const compiled = RE2JS.compile(toRe2(pattern));
    const size = compiled.programSize();
    if (size > maxProgramSize) return { pattern: undefined, size };
    return { pattern: { test: tester(compiled, size) }, size };
  } catch {
    // Not an expression, or one that needs to look back: nobody but the platform can tell.
    return unusable;
  }
}

function tester(compiled: RE2JS, size: number): LinearPattern['test'] {
  return (text) => {
    const steps = size * text.length;
    if (steps > stepsLeft) return true;
    stepsLeft -= steps;
    return compiled.matcher(text).find();
  };
}

function repetitionsIn(pattern: string): number {
  const counts = pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g);
  return [...counts].reduce((sum, [, least, most]) => sum + Math.max(Number(least), Number(most ?? 0)), 0);
}

const space =
  '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const noSpace =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';
const lineEnds = '\\n\\r\\x{2028}\\x{2029}';

/** What is written or meant differently in RE2: outside a class, and within one. */
const outside: Readonly<Record<string, string>> = {
  '\\s': `[${space}]`,
  '\\S': `[${noSpace}]`,
  '\\/': '/',
  '.': `[^${lineEnds}]`,
  '(?<': '(?P<',
};
const within: Readonly<Record<string, string>> = { '\\s': space, '\\S': noSpace, '\\/': '/', '[': '\\[' };

/** White space and line ends are more in ECMA-262 than in RE2; groups and code points are written differently. */
function toRe2(pattern: string): string {
  let isInClass = false;
  return pattern.replace(/\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\.|\(\?<(?![=!])|[[\].]/gsu, (token) => {
    if (token.startsWith('\\u')) return `\\x{${token.replace(/[^0-9a-fA-F]/g, '')}}`;
    const written = (isInClass ? within : outside)[token] ?? token;
    if (token === '[' || token === ']') isInClass = token === '[';
    return written;
  });
}
