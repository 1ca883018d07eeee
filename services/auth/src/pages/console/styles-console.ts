/** What only the pages behind the account need: tabs, runs with their pictures, plots, bars, walls of files. */
export const consoleRules = `
:root{--s1:#0e7c66;--s2:#b4560c;--s3:#9a2c8f;--s4:#2069b8;--s5:#7a746c}
@media (prefers-color-scheme:dark){:root{--s1:#4fc3a8;--s2:#f0a45c;--s3:#e08ad6;--s4:#79b8f5;--s5:#9b948b}}
.console{width:100%;max-width:68rem;margin:0 auto;padding:1.25rem 1.25rem 0;flex:1}
.console .top{padding-bottom:.75rem}
.tabs{display:flex;gap:1.5rem;overflow-x:auto;border-bottom:1px solid var(--line);scrollbar-width:none}
.tabs a{padding:.625rem 0 .5625rem;border-bottom:2px solid transparent;color:var(--muted);font-size:.9375rem;
font-weight:550;text-decoration:none;white-space:nowrap}
.tabs a:hover{color:var(--ink)}
.tabs a[aria-current]{color:var(--ink);border-color:var(--accent-text)}
.tabs a:focus-visible{outline-offset:-3px}
.console .lead{padding:1.5rem 0 1.25rem}
.lead>.small{margin:0 0 .25rem}
.lead+.part{margin-top:0}
.part{margin-top:2.25rem}
.part>h2{margin-bottom:.75rem}
.part>h2.big{font-size:1.5rem;letter-spacing:-.02em;font-variant-numeric:tabular-nums;margin-bottom:.125rem}
.mark.going{display:inline-flex;margin:0;color:var(--accent-text)}
.bad-text{color:var(--bad)}
.filter{display:flex;flex-wrap:wrap;align-items:flex-end;gap:.625rem;margin-bottom:1rem}
.filter label{font-size:.8125rem;color:var(--muted)}
.filter .field{flex:0 1 11rem}
.filter .field.grow{flex:1 1 15rem}
.filter input,.filter select{min-height:2.5rem!important;font-size:.9375rem}
.filter .button{min-height:2.5rem;font-size:.9375rem}
.filter .clear{align-self:center;font-size:.875rem}
.runs{border:1px solid var(--line);border-radius:.75rem;background:var(--surface);overflow:hidden}
.run{display:grid;grid-template-columns:3.5rem minmax(0,1fr) auto;gap:.125rem .875rem;padding:.75rem .875rem;
align-items:center;position:relative}
.run+.run{border-top:1px solid var(--line)}
.run:hover{background:var(--sunken)}
.title{font-size:.9375rem;font-weight:600;line-height:1.4;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}
.run .title a{color:inherit;text-decoration:none}
.run .title a::after{content:"";position:absolute;inset:0}
.run .title a:hover{text-decoration:underline}
.run .about{color:var(--ink);font-size:.875rem;line-height:1.4;display:-webkit-box;-webkit-line-clamp:2;
-webkit-box-orient:vertical;overflow:hidden}
.run .about.bad-text{color:var(--bad)}
.run .state{display:flex;flex-direction:column;align-items:flex-end;gap:.25rem;text-align:right}
.cost{font-size:.875rem;font-variant-numeric:tabular-nums;white-space:nowrap}
.thumb{position:relative;display:grid;place-items:center;width:3.5rem;height:3.5rem;border-radius:.5rem;overflow:hidden;
background:var(--sunken);box-shadow:inset 0 0 0 1px var(--line);color:var(--muted)}
.thumb img{width:100%;height:100%;object-fit:cover}
.thumb.none{background:none;box-shadow:none;border:1px dashed var(--line)}
.thumb.word{font-size:.8125rem;font-weight:600}
.thumb.film::after{content:"";position:absolute;left:.375rem;bottom:.375rem;width:1.125rem;height:1.125rem;
border-radius:50%;background:rgb(0 0 0/.62)}
.thumb.film::before{content:"";position:absolute;z-index:1;left:.78rem;bottom:.65rem;border:solid transparent;
border-width:.29rem 0 .29rem .44rem;border-left-color:#fff}
.under-way{display:flex;align-items:center;gap:.5rem;margin-top:.25rem}
progress{appearance:none;width:9rem;max-width:60%;height:.375rem;border:0;border-radius:1rem;background:var(--line);
overflow:hidden}
progress::-webkit-progress-bar{background:var(--line)}
progress::-webkit-progress-value{background:var(--accent-text);border-radius:1rem}
progress::-moz-progress-bar{background:var(--accent-text)}
.pager{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:1.25rem}
.after-list{margin-top:1rem}
.standing+.pairs{margin-top:0}
.standing{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;margin-bottom:.75rem}
.standing .mark{font-size:.875rem;padding:.125rem .625rem}
.standing .under-way{margin-top:0;flex:1}
.standing+.notice,.notice+.notice{margin-bottom:.75rem}
.console .facts{background:var(--surface)}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(10.5rem,45%),1fr));gap:.875rem 1.25rem;margin-top:1.5rem}
.pairs dt{color:var(--muted);font-size:.8125rem}
.pairs dd{font-size:.9375rem;font-variant-numeric:tabular-nums}
.console .facts .value{white-space:pre-wrap;font-size:.875rem}
.part>.small{margin-bottom:.75rem}
.outputs{display:grid;align-items:start;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem}
.output{border:1px solid var(--line);border-radius:.75rem;background:var(--surface);overflow:hidden}
.output>figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.125rem .875rem;padding:.625rem .875rem}
.links{display:flex;flex-wrap:wrap;gap:.125rem .75rem}
.output .picture{display:block;background:var(--sunken)}
.output .picture img,.output video{display:block;width:100%;max-height:34rem;object-fit:contain;background:var(--sunken)}
.sound{padding:.875rem .875rem 0}
.sound img{display:block;width:100%;height:4.5rem;margin-bottom:.5rem}
.sound audio{display:block;width:100%}
pre.text{margin:0;padding:.875rem;max-height:28rem;overflow:auto;white-space:pre-wrap;font:inherit;font-size:.9375rem}
details>pre.text{border:1px solid var(--line);border-radius:.625rem;background:var(--surface);
font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.8125rem}
.times li{padding:.25rem 0}
.times li+li{border-top:1px solid var(--line)}
.times li>:first-child{display:inline-block;min-width:13rem}
.ranges{display:flex;flex-wrap:wrap;gap:.375rem;margin-bottom:1.25rem}
.ranges a{padding:.25rem .6875rem;border:1px solid var(--edge);border-radius:1rem;color:var(--ink);font-size:.875rem;
text-decoration:none}
.ranges a:hover{border-color:var(--ink)}
.ranges a[aria-current]{background:var(--ink);border-color:var(--ink);color:var(--surface)}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);gap:.375rem .625rem;margin:1.25rem 0 1.5rem}
.plot>svg{width:100%;height:12rem;display:block;overflow:visible}
.plot .scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;color:var(--muted);
font-size:.75rem;line-height:1;margin:-.375rem 0;font-variant-numeric:tabular-nums}
.plot .dates{grid-column:2;display:flex;justify-content:space-between;color:var(--muted);font-size:.75rem}
.plot figcaption{grid-column:1/-1}
.plot line{vector-effect:non-scaling-stroke;stroke:var(--line);stroke-width:1}
.plot line.axis{stroke:var(--edge)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.8125rem}
.legend li{display:flex;align-items:center;gap:.4375rem;min-width:0}
.dot{width:.625rem;height:.625rem;flex:none}
.s0{fill:var(--accent-text)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}.s4{fill:var(--s4)}.s5{fill:var(--s5)}
table.figures{table-layout:auto}
.figures th[scope=row]{font-size:inherit;font-weight:450;color:var(--ink)}
.figures th[scope=row] a{color:inherit;text-decoration:none}
.figures th[scope=row] a:hover{text-decoration:underline}
.figures .share{width:22%}
.bar{display:block;width:100%;height:.5rem;border-radius:1rem;overflow:hidden}
.bar .rest{fill:var(--line)}.bar .part{fill:var(--accent-text)}.bar .held{fill:var(--accent-text);opacity:.45}
.bar.near .part,.bar.near .held{fill:var(--warn)}.bar.full .part,.bar.full .held{fill:var(--bad)}
.budgets{display:grid;gap:1rem}
.budgets .bar{margin-top:.375rem;height:.625rem}
.budgets .row{gap:.125rem 1rem}
.wall{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(11rem,45%),1fr));gap:1.25rem .875rem}
.wall .face{position:relative;display:grid;place-items:center;aspect-ratio:1;border-radius:.625rem;overflow:hidden;background:var(--surface);
box-shadow:inset 0 0 0 1px var(--line);color:var(--muted);text-decoration:none;font-weight:600}
.wall .face img{width:100%;height:100%;object-fit:cover}
.wall .face img.wave{height:40%;object-fit:fill;padding:0 .75rem}
.wall .links{margin-top:.125rem;font-size:.875rem}
.wall summary.link{font-size:inherit}
.wall details[open]>summary{margin-bottom:.25rem}
.wall .name{margin-top:.5rem;font-size:.875rem;line-height:1.35;display:-webkit-box;-webkit-line-clamp:2;
-webkit-box-orient:vertical;overflow:hidden}
.wall .name a{color:inherit;text-decoration:none}
.wall .name a:hover{text-decoration:underline}
.rows+.small,.figures+.small{margin-top:.625rem}
.row>.stop[open]{flex-basis:100%}
.stop[open]>summary{margin-bottom:.625rem}
.stop form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:flex-end}
.stop .field{flex:1 1 12rem}
.stop label{font-size:.8125rem;color:var(--muted)}
.stop input{min-height:2.25rem!important;font-size:.875rem}
.sheets{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));gap:1rem}
.sheet-card{border:1px solid var(--line);border-radius:.75rem;background:var(--surface);padding:.875rem;overflow:hidden}
.sheet-card .face{display:block;margin:-.875rem -.875rem .75rem;aspect-ratio:16/10;background:var(--sunken);
overflow:hidden;border-bottom:1px solid var(--line)}
.sheet-card .face img{display:block;width:100%;height:100%;object-fit:cover;object-position:top}
.sheet-card .title a{color:inherit;text-decoration:none}
.sheet-card .title a:hover{text-decoration:underline}
.bar.batch{margin:.5rem 0 .375rem}
.bar .well{fill:var(--good)}.bar .ill{fill:var(--bad)}
.contact{grid-template-columns:repeat(auto-fill,minmax(min(7.5rem,30%),1fr));gap:.875rem .625rem;margin-top:1.5rem}
.contact .name{margin-top:.25rem;font-size:.8125rem}
.console .tiles{margin-bottom:1.25rem}
.console .runs+.after-list{margin-top:.75rem}
@media (max-width:48rem){
.tabs{gap:.75rem}
.tabs a{font-size:.8125rem}
.console{padding:1rem 1rem 0}
.run{grid-template-columns:3.5rem minmax(0,1fr);align-items:start}
.run .state{grid-column:2;flex-direction:row;align-items:center;justify-content:flex-start;gap:.625rem;margin-top:.25rem}
.figures tr{display:flex;flex-wrap:wrap;align-items:baseline;gap:.125rem 1rem}
.figures tbody th{padding:0;border:0;flex:1 0 100%}
.figures [data-label]::before{content:attr(data-label) " ";color:var(--muted);font-size:.8125rem}
.figures .share{flex:1 0 100%;width:100%}
.plot>svg{height:9rem}
.times li>:first-child{display:block}
}
`;
