"""How the page looks: both themes by the reader's own setting, one column on a phone."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2128;--dim:#57606a;--page:#f6f7f9;--card:#fff;--line:#d8dde3;
--up:#0b7a43;--down:#c0262d;--warn:#9a5b00;--good:#0b7a43}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#9aa4b0;--page:#131722;--card:#1c2230;
--line:#323a4a;--up:#3ecf8e;--down:#ff7b7b;--warn:#f0b429;--good:#3ecf8e}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.2rem 0}h1 span{font-weight:400;color:var(--dim)}
h2{font-size:1.15rem;margin:1.8rem 0 .4rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.35rem 0;color:var(--dim);overflow-wrap:anywhere}
dl{margin:0}dl div{display:flex;justify-content:space-between;gap:1rem;padding:.12rem 0}
dt{color:var(--dim);flex:none;max-width:58%}
dd{margin:0;text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.up{color:var(--up)}.down{color:var(--down)}.warn{color:var(--warn)}
.short{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem;
display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
.short dt{color:var(--ink);font-weight:600}
.grade{display:flex;gap:.8rem;align-items:flex-start}
.grade b{font-size:1.6rem;line-height:1;border:2px solid;border-radius:8px;padding:.3rem .65rem}
.gA b{color:var(--good)}.gB b,.gC b{color:var(--warn)}.gD b,.gF b{color:var(--down)}
ul{margin:.2rem 0 0;padding-left:1.1rem;color:var(--dim);overflow-wrap:anywhere}
.cards{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));
margin-top:.6rem}
article{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem}
article p{font-size:.92rem}
svg{display:block;width:100%;height:52px;margin-bottom:.4rem}
polyline{fill:none;stroke:var(--ink);stroke-width:1.5;vector-effect:non-scaling-stroke}
line{stroke:var(--dim);stroke-dasharray:3 4;vector-effect:non-scaling-stroke}
.wide{overflow-x:auto;margin-top:.6rem}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child{text-align:left}thead th{color:var(--dim);font-weight:500}tbody th{font-weight:500}
summary{cursor:pointer;color:var(--dim);margin-top:.6rem}
footer{margin-top:1.8rem;border-top:1px solid var(--line);font-size:.82rem}
@media print{body{background:#fff}article,.short{break-inside:avoid}}
"""
