/** What only the account page needs: sections with their title at the side, rows, a table that becomes rows. */
export const accountRules = `
.wide-page{width:100%;max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 0;flex:1}
.top{display:flex;align-items:center;justify-content:space-between;gap:1rem;padding-bottom:1.25rem}
.lead{padding:1.5rem 0 2rem}
.lead p{margin-top:.375rem}
.section{display:grid;grid-template-columns:15rem minmax(0,1fr);gap:1rem 2.5rem;padding:1.75rem 0;
border-top:1px solid var(--line)}
.section>header p{margin-top:.375rem;color:var(--muted);font-size:.875rem;line-height:1.45}
.rows{border:1px solid var(--line);border-radius:.75rem;background:var(--surface)}
.rows>li{padding:.875rem 1rem}
.rows>li+li{border-top:1px solid var(--line)}
.row{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem 1rem}
.row>:first-child{min-width:0;flex:1 1 14rem}
.row .actions{gap:.375rem}
.row h3{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem}
.empty{padding:1rem;border:1px dashed var(--edge);border-radius:.75rem;color:var(--muted);font-size:.9375rem}
.below{margin-top:.875rem}
.after{margin-bottom:1.75rem}
details>summary{display:inline-flex;cursor:pointer;list-style:none}
details>summary::-webkit-details-marker{display:none}
details[open]>summary{margin-bottom:.625rem}
summary.link{display:inline-block;font-size:.875rem}
.inline-form label{font-size:.875rem}
details.panel[open]{padding:1rem;border:1px solid var(--line);border-radius:.75rem;background:var(--surface)}
.inline-form{display:flex;flex-wrap:wrap;align-items:flex-end;gap:.75rem}
.inline-form .field{flex:1 1 11rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.875rem;margin-bottom:1rem}
.tile dt{color:var(--muted);font-size:.8125rem}
.tile dd{font-size:1.375rem;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
caption{text-align:left}
th{color:var(--muted);font-size:.8125rem;font-weight:550;text-align:left}
th,td{padding:.5625rem .75rem .5625rem 0;vertical-align:baseline;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.shown-once{display:block;margin-top:.5rem;padding:.75rem .875rem;border:1px dashed var(--edge);border-radius:.5rem;
background:var(--surface);color:var(--ink);font-size:.9375rem;user-select:all;overflow-wrap:anywhere}
@media (max-width:48rem){
.section{grid-template-columns:minmax(0,1fr);gap:.875rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.125rem .75rem;padding:.625rem 0;
border-bottom:1px solid var(--line)}
td{padding:0;border:0}
}
`;
