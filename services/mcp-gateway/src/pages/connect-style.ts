/** What only the quick-connect pages need: rules beside the common ones, and the script that makes copying one click. */

export const connectRules = `
.connect [hidden]{display:none!important}
.connect{width:100%;max-width:54rem;margin:0 auto;padding:1.5rem 1.25rem 0;flex:1}
.connect>main{padding:2.25rem 0 1.5rem}
.connect section{margin-top:2.75rem}
.connect h2{margin-bottom:.875rem}
.top{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.75rem 1.25rem}
.top nav{display:flex;flex-wrap:wrap;gap:.25rem 1.125rem;font-size:.875rem}
.hero{display:flex;gap:1rem;align-items:flex-start}
.hero>img{flex:none;width:3rem;height:3rem;object-fit:contain;border-radius:.625rem}
.hero h1{font-size:1.75rem}
.hero p{margin-top:.5rem;max-width:38rem}
.copyable{display:flex;align-items:stretch;gap:.5rem;margin-top:.625rem}
.copyable>code,.copyable>pre{flex:1;min-width:0;margin:0;padding:.6875rem .875rem;background:var(--sunken);
border:1px solid var(--line);border-radius:.5rem;font-size:.8125rem;line-height:1.5;white-space:pre-wrap}
.copyable>pre{font-family:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.copyable>.button{flex:none;align-self:flex-start;min-height:2.75rem}
.address{margin-top:1.75rem}
.address>code{font-size:1rem;background:var(--surface);border-color:var(--edge)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:.625rem}
.tile{display:flex;align-items:center;gap:.75rem;min-height:3.25rem;padding:.5rem .875rem;background:var(--surface);
border:1px solid var(--edge);border-radius:.625rem;color:var(--ink);font-weight:600;line-height:1.3;text-decoration:none}
.tile:hover{border-color:var(--ink);background:var(--sunken)}
.tile small{display:block;color:var(--muted);font-weight:400}
.picture{flex:none;display:grid;place-items:center;width:1.75rem;height:1.75rem}
.picture svg{width:1.375rem;height:1.375rem;fill:currentColor}
.picture img{width:1.75rem;height:1.75rem;object-fit:contain;border-radius:.375rem}
.picture.letter{border-radius:.375rem;background:var(--ink);color:var(--surface);font-size:.9375rem;font-weight:700}
.folds{border:1px solid var(--line);border-radius:.75rem;background:var(--surface);overflow:hidden}
.folds details+details{border-top:1px solid var(--line)}
.folds summary{display:flex;align-items:center;gap:.75rem;min-height:3.25rem;padding:.5rem 1rem;cursor:pointer;
font-weight:600;list-style:none}
.folds summary::-webkit-details-marker{display:none}
.folds summary::after{content:"";margin-left:auto;flex:none;width:.5rem;height:.5rem;border:solid var(--muted);
border-width:0 2px 2px 0;transform:rotate(45deg) translate(-2px,-2px)}
.folds details[open]>summary::after{transform:rotate(-135deg) translate(-2px,-2px)}
.folds summary:hover{background:var(--sunken)}
.folds summary:focus-visible{outline-offset:-3px}
.folds summary>.hint{font-weight:400;margin-left:auto;text-align:right}
@media (min-width:30.01rem){.folds summary:has(>.hint)::after{margin-left:0}}
.fold{padding:.25rem 1rem 1.25rem}
.fold>*+*{margin-top:.75rem}
.fold h3 code{font-weight:400}
.fold ol{list-style:decimal;padding-left:1.25rem}
.tools{display:grid;gap:.75rem}
.tools dt{font-weight:600}
.tools dd{color:var(--muted);font-size:.9375rem}
@media (max-width:30rem){
.hero h1{font-size:1.5rem}
.copyable{flex-direction:column}
.copyable>.button{align-self:stretch}
.folds summary>.hint{display:none}
}
`;

/**
 * Shows the buttons and does what they say. Where the clipboard is not to be had (it wants HTTPS or this machine), the
 * text is marked, for the keyboard to copy.
 */
export const copyScript = `(()=>{
const say=document.getElementById('said');
for(const button of document.querySelectorAll('[data-copy]')){
const what=document.getElementById(button.dataset.copy);
if(!what)continue;
const label=button.firstElementChild;
const before=label.textContent;
let timer;
button.hidden=false;
button.addEventListener('click',async()=>{
let done=false;
try{await navigator.clipboard.writeText(what.textContent);done=true}catch{
const range=document.createRange();range.selectNodeContents(what);
const marked=getSelection();marked.removeAllRanges();marked.addRange(range);
try{done=document.execCommand('copy')}catch{}
}
label.textContent=done?'Copied':'Marked';
say.textContent=done?'Copied':'Marked: copy it with the keyboard';
clearTimeout(timer);
timer=setTimeout(()=>{label.textContent=before;say.textContent=''},2000);
});
}
})();`.replaceAll('\n', '');
