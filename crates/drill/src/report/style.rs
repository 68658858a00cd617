//! How the report looks: light, dark, and on paper.

/// The style sheet. It names nothing outside the file.
pub(super) const SHEET: &str = "
:root{color-scheme:light dark;--b:#fff;--f:#1a1f26;--m:#56616d;--l:#d9dee4;--c:#f4f6f8;--good:#0a7a3c;--bad:#b3261e;--warn:#8a5a00;--act:#0b5cad}
@media(prefers-color-scheme:dark){:root{--b:#12161b;--f:#e6eaee;--m:#9aa5b1;--l:#2c343d;--c:#1a2027;--good:#4cc27f;--bad:#ff8a80;--warn:#e0b050;--act:#7db8ff}}
*{box-sizing:border-box}
body{background:var(--b);color:var(--f);font:16px/1.55 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem;margin:0}h2{font-size:1.25rem;border-bottom:1px solid var(--l);margin-top:2.4rem;padding-bottom:.2rem}
h3{font-size:1.05rem;margin:1.2rem 0 .2rem;overflow-wrap:anywhere}h4{font-size:.95rem;margin:.8rem 0 .1rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--l);overflow-wrap:anywhere}
th{color:var(--m);font-weight:600}.timeline th{color:var(--f);padding-top:1.1rem;font-size:1rem}
.timeline td:first-child{width:9rem}.timeline td:nth-child(2){width:6rem}
code,pre{font-family:ui-monospace,monospace;font-size:.88em}
pre{background:var(--c);padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px;margin:.4rem 0}
.m{color:var(--m)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.act{color:var(--act)}
.add{color:var(--good)}.take{color:var(--bad)}.word{font-weight:700;white-space:nowrap}
.banner{border:2px solid currentColor;border-radius:6px;padding:.2rem .7rem;font-weight:700;display:inline-block}
time{white-space:nowrap;font-variant-numeric:tabular-nums}
nav{margin:1rem 0}nav a{margin-right:.8rem;color:var(--act)}summary{cursor:pointer}
@media print{body{max-width:none;margin:0;font-size:11px}nav{display:none}details::details-content{content-visibility:visible}h2,h3{break-after:avoid}tr,pre{break-inside:avoid}}
";
