// The style sheet of the HTML report: colours as variables, once for light and once for dark mode.
#pragma once

#include <string_view>

namespace moesim {

inline constexpr std::string_view kHtmlStyle = R"(
:root { color-scheme: light dark; --page: #ffffff; --card: #f6f7f9; --ink: #1d2430; --dim: #5b6675;
  --line: #dde1e7; --best: #00694f; --best-back: #e3f4ee; --plot-ink: #333333; --plot-axis: #999999;
  --plot-grid: #e0e0e0; --plot-page: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181f; --card: #1c222c; --ink: #e7eaf0; --dim: #9aa5b4; --line: #313a47;
    --best: #6fd8b6; --best-back: #17352d; --plot-ink: #d5dae2; --plot-axis: #7b8695;
    --plot-grid: #2f3846; --plot-page: #14181f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 12px; }
.question { font-size: 17px; color: var(--dim); margin: 0 0 6px; overflow-wrap: anywhere; }
.meta { color: var(--dim); font-size: 13px; margin: 0 0 22px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 23px; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--dim); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--dim); font-weight: 600; overflow-wrap: anywhere; min-width: 70px; max-width: 190px; }
td { white-space: nowrap; }
td.best { color: var(--best); background: var(--best-back); font-weight: 650; }
td.bar { width: 40%; }
td.bar i { display: block; height: 12px; border-radius: 3px; background: #0072b2; min-width: 1px; }
figure { margin: 0 0 26px; }
figure svg { display: block; width: 100%; height: auto; }
figure svg g { font-family: inherit; }
figure svg image { image-rendering: pixelated; }
figcaption { color: var(--dim); font-size: 13px; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
  overflow-x: auto; font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
summary { cursor: pointer; color: var(--dim); }
@media print { details > pre { white-space: pre-wrap; } }
)";

}  // namespace moesim
