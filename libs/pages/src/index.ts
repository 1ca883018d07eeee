export { type Branding, ownBranding, palettesOf } from './branding.ts';
export { BrandEnv, type Brands, readBrands } from './brands.ts';
export { documentOf, foot, masthead, policyOf } from './document.ts';
export { displayText, type Html, type HtmlValue, html } from './html.ts';
export { styleSheet } from './styles.ts';
