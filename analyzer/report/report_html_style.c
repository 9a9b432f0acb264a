/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_html.h"

const char report_html_style[] =
	":root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--paper:#fff;--line:#d1d9e0;--wash:#f6f8fa;"
	"--proven:#b3261e;--likely:#9a6700;--alive:#1a7f37;--ended:#8c959f;--fatal:#bc4c00}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9198a1;--paper:#0d1117;--line:#3d444d;"
	"--wash:#151b23;--proven:#ff7b72;--likely:#e3b341;--alive:#3fb950;--ended:#656c76;--fatal:#f0883e}}"
	"body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem "
	"auto;"
	"padding:0 1rem}"
	"h1{font-size:1.4rem;line-height:1.35}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid var(--line)}"
	".class{font-family:ui-monospace,monospace}.proven{color:var(--proven)}.likely,.possible{color:var(--likely)}"
	".none,.dim{color:var(--dim)}"
	"table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.15rem .6rem "
	".15rem 0}"
	"th{font-weight:600;white-space:nowrap}td.number{text-align:right;white-space:nowrap}"
	"code,td.code,pre{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}"
	"tr:target{background:var(--wash);outline:2px solid var(--likely)}"
	"details{margin:.5rem 0}summary{cursor:pointer}.scroll{overflow-x:auto}"
	"tr.act td{font-weight:600}tr.crash td{color:var(--proven);font-weight:600}tr.marker td{color:var(--dim)}"
	".trust{color:var(--likely)}"
	"svg{max-width:100%;height:auto;font:11px ui-monospace,monospace}svg text{fill:var(--ink)}"
	"svg .dim{fill:var(--dim)}svg .axis{stroke:var(--line)}svg .alive{fill:var(--alive)}svg "
	".ended{fill:var(--ended)}"
	"svg .fatal{fill:var(--fatal)}svg .marker{stroke:var(--dim);stroke-dasharray:3 3}"
	"svg .crash{fill:var(--proven)}svg .crashline{stroke:var(--proven)}";

const char report_html_style_hash[] = "sha256-xjY3uG1qYXNkC7SsbkZ1gLArfHutplnDIFIB4bHS7ik=";
