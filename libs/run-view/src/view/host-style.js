// How the host looks, and how much room there is.
import { isJson } from './bridge.js';

/** @typedef {import('./bridge.js').Json} Json */

/**
 * Takes over the parts of a host context that are there; the host sends later only what changed.
 * @param {Json} context
 */
export function applyHostContext(context) {
  const { style, dataset } = document.documentElement;
  if (context.theme === 'light' || context.theme === 'dark') {
    style.setProperty('color-scheme', context.theme);
    dataset.theme = context.theme;
  }
  if (isJson(context.styles) && isJson(context.styles.variables)) applyVariables(context.styles.variables);
  if (typeof context.displayMode === 'string') dataset.mode = context.displayMode;
  if (isJson(context.safeAreaInsets)) applyInsets(context.safeAreaInsets);
  if (isJson(context.containerDimensions))
    dataset.height = 'height' in context.containerDimensions ? 'fixed' : 'free';
}

/** @param {Json} variables */
function applyVariables(variables) {
  for (const [name, value] of Object.entries(variables)) {
    if (!/^--[a-z0-9-]{1,60}$/.test(name) || typeof value !== 'string') continue;
    document.documentElement.style.setProperty(name, value);
  }
}

/** @param {Json} insets */
function applyInsets(insets) {
  for (const side of ['top', 'right', 'bottom', 'left']) {
    const value = insets[side];
    if (typeof value === 'number')
      document.documentElement.style.setProperty(`--inset-${side}`, `${value}px`);
  }
}

/**
 * Tells the host the size of what is shown, whenever it is another one.
 * @param {(size: { width: number, height: number }) => void} tell
 * @returns {() => void} Ends it.
 */
export function watchSize(tell) {
  let last = '';
  function measure() {
    const { width, height } = document.body.getBoundingClientRect();
    const size = { width: Math.ceil(width), height: Math.ceil(height) };
    const text = `${size.width} ${size.height}`;
    if (text === last) return;
    last = text;
    tell(size);
  }
  const observer = new ResizeObserver(measure);
  observer.observe(document.body);
  measure();
  return () => observer.disconnect();
}
