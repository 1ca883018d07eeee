import { type Branding, type Palette, palettesOf } from './branding.ts';

/** The one style sheet of all pages, with rules of some of them: no font and no file from anywhere. */
export function styleSheet(branding: Branding, furtherRules = ''): string {
  const { light, dark } = palettesOf(branding);
  return [
    `:root{color-scheme:light dark;${variables(light)}}`,
    `@media (prefers-color-scheme:dark){:root{${variables(dark)}}}`,
    baseRules,
    formRules,
    partRules,
    furtherRules,
  ]
    .join('')
    .replace(/\n\s*/g, '');
}

function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}:${value}`)
    .join(';');
}

const baseRules = `
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;background:var(--page);
color:var(--ink);font:400 1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",
"Liberation Sans",Arial,sans-serif;overflow-wrap:anywhere;-webkit-font-smoothing:antialiased}
h1,h2,h3,p,ul,ol,dl,dd,fieldset,figure{margin:0;padding:0}
ul,ol{list-style:none}
fieldset{border:0;min-width:0}
legend{padding:0}
h1{font-size:1.5rem;line-height:1.2;font-weight:650;letter-spacing:-.022em;text-wrap:balance}
h2{font-size:1.0625rem;line-height:1.35;font-weight:650;letter-spacing:-.012em}
h3{font-size:.9375rem;line-height:1.4;font-weight:600}
a{color:var(--accent-text);text-underline-offset:.18em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent-text);outline-offset:2px;border-radius:4px}
code,kbd,.code{font-family:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
font-size:.875em}
small,.small{font-size:.875rem;line-height:1.45}
.muted{color:var(--muted)}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;padding:.5rem .75rem;background:var(--surface);z-index:1}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.masthead{display:flex;align-items:center;gap:.625rem;font-weight:650;letter-spacing:-.012em}
.masthead img{display:block;width:1.75rem;height:1.75rem;object-fit:contain}
.foot{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:1.25rem 0;color:var(--muted);font-size:.8125rem}
.foot a{color:inherit}
.narrow{width:100%;max-width:27.5rem;margin:auto;padding:1.5rem 1.25rem 0}
.sheet{margin-top:1.25rem;padding:1.75rem;background:var(--surface);border:1px solid var(--line);
border-radius:.875rem;box-shadow:0 1px 2px rgb(0 0 0/.04),0 12px 32px -16px rgb(0 0 0/.14)}
.stack>*+*{margin-top:1.25rem}
.stack>[type=hidden]+*,form.stack>[type=hidden]{margin-top:0}
.near>*+*{margin-top:.625rem}
.tight>*+*{margin-top:.375rem}
@media (max-width:30rem){
body{background:var(--surface)}
.narrow{margin:0 auto auto;padding-top:1.25rem}
.sheet{margin-top:1.5rem;padding:0;border:0;box-shadow:none;background:none}
}
`;

const formRules = `
label,.label{display:block;font-size:.9375rem;font-weight:550}
.field>*+*{margin-top:.375rem}
input,select,button,textarea{font:inherit;color:inherit}
input:not([type=checkbox]):not([type=radio]),select{display:block;width:100%;min-height:2.75rem;padding:.5rem .75rem;
background:var(--surface);border:1px solid var(--edge);border-radius:.5rem}
select{appearance:none;padding-right:2.25rem;background-image:linear-gradient(45deg,transparent 50%,var(--muted) 50%),
linear-gradient(-45deg,transparent 50%,var(--muted) 50%);background-position:right 1.125rem center,right .8125rem center;
background-size:.3125rem .3125rem;background-repeat:no-repeat}
input:focus-visible,select:focus-visible{outline-offset:0;border-color:var(--accent-text);border-radius:.5rem}
input[aria-invalid=true]{border-color:var(--bad)}
input.code{letter-spacing:.01em}
input[type=checkbox],input[type=radio]{width:1.125rem;height:1.125rem;margin:.1875rem 0 0;accent-color:var(--accent);
flex:none}
.hint{color:var(--muted);font-size:.875rem;line-height:1.45}
.button{display:inline-flex;align-items:center;justify-content:center;gap:.5rem;min-height:2.75rem;
padding:.5rem 1.125rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--surface);color:var(--ink);
font-weight:600;line-height:1.25;text-align:center;text-decoration:none;cursor:pointer}
.button:hover{background:var(--sunken);border-color:var(--ink)}
.button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
.button.main:hover{background:var(--accent-hover);border-color:var(--accent-hover)}
.button.wide{width:100%}
.button.slim{min-height:2.25rem;padding:.25rem .75rem;font-size:.875rem;font-weight:550}
.button.bad{color:var(--bad)}
.button.bad:hover{border-color:var(--bad);background:var(--bad-tint)}
.link{display:inline;padding:0;border:0;background:none;color:var(--accent-text);text-decoration:underline;
text-decoration-thickness:1px;text-underline-offset:.18em;cursor:pointer;font-size:inherit}
.link:hover{text-decoration-thickness:2px}
.actions{display:flex;flex-wrap:wrap;gap:.625rem}
.actions>.grow{flex:1 1 8rem}
`;

const partRules = `
.facts{display:grid;grid-template-columns:auto minmax(0,1fr);border:1px solid var(--line);border-radius:.625rem;
font-size:.9375rem;overflow:hidden}
.facts>div{display:contents}
.facts dt,.facts dd{padding:.5625rem .875rem}
.facts dt{color:var(--muted);padding-right:.25rem}
.facts>div+div>*{border-top:1px solid var(--line)}
.mark{display:inline-flex;align-items:center;gap:.25rem;padding:.0625rem .4375rem;border:1px solid currentColor;
border-radius:1rem;font-size:.75rem;font-weight:600;line-height:1.4;white-space:nowrap;vertical-align:.0625em}
.mark.good{color:var(--good)}.mark.warn{color:var(--warn)}.mark.bad{color:var(--bad)}.mark.plain{color:var(--muted)}
.notice{padding:.75rem .875rem;border-radius:.625rem;border:1px solid var(--line);background:var(--sunken);
font-size:.9375rem;line-height:1.45}
.notice strong{font-weight:650}
.notice.warn{background:var(--warn-tint);border-color:var(--warn);color:var(--warn)}
.notice.bad{background:var(--bad-tint);border-color:var(--bad);color:var(--bad)}
.notice.good{border-color:var(--good);color:var(--good)}
.notice a{color:inherit}
.ticks{border-top:1px solid var(--line)}
.ticks li{border-bottom:1px solid var(--line)}
.ticks label{display:flex;gap:.6875rem;padding:.5625rem 0;font-weight:400;cursor:pointer}
.ticks .hint{display:block}
.or{display:flex;align-items:center;gap:.75rem;color:var(--muted);font-size:.875rem}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.person>button{flex:none;white-space:nowrap}
.person{display:flex;align-items:baseline;justify-content:space-between;gap:1rem;font-size:.9375rem}
`;
