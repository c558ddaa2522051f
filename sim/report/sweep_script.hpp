// The script and the extra style of a sweep's HTML report: sorting by column, filtering by words
// and comparisons. Reads cell values from data-v, column names from data-name.
#pragma once

#include <string_view>

namespace moesim {

inline constexpr std::string_view kSweepStyle = R"(
#designs th { cursor: pointer; user-select: none; position: sticky; top: 0; background: var(--page); }
#designs th[data-dir="1"]::after { content: " \25B2"; }
#designs th[data-dir="-1"]::after { content: " \25BC"; }
#designs tr.best td { color: var(--best); background: var(--best-back); font-weight: 650; }
#designs td.status { max-width: 340px; overflow: hidden; text-overflow: ellipsis; text-align: left; }
#filter { font: inherit; width: 340px; max-width: 100%; padding: 7px 10px; margin: 0 0 12px;
  border: 1px solid var(--line); border-radius: 8px; background: var(--card); color: var(--ink); }
)";

inline constexpr std::string_view kSweepScript = R"JS(
(() => {
  const table = document.getElementById("designs"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const names = heads.map(h => h.dataset.name.toLowerCase());
  const value = (row, i) => row.cells[i].dataset.v;
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  const sort = i => {
    const up = heads[i].dataset.dir === "-1" || heads[i].dataset.dir === undefined ? 1 : -1;
    heads.forEach(h => delete h.dataset.dir);
    heads[i].dataset.dir = up;
    rows.sort((a, b) => {
      const x = value(a, i), y = value(b, i);
      return x === "" || y === "" ? compare(x, y) : up * compare(x, y);
    });
    body.append(...rows);
  };
  heads.forEach((h, i) => {
    h.addEventListener("click", () => sort(i));
    h.addEventListener("keydown", e => { if (e.key === "Enter") sort(i); });
  });
  const column = name => {
    const exact = names.indexOf(name);
    return exact >= 0 ? exact : names.findIndex(n => n.includes(name));
  };
  const test = part => {
    const m = part.match(/^(.*?)\s*(<=|>=|!=|=|<|>)\s*(.*)$/);
    const i = m ? column(m[1].trim().toLowerCase()) : -1;
    if (!m || i < 0 || m[3] === "") return row => row.textContent.toLowerCase().includes(part);
    return row => {
      const v = value(row, i);
      if (v === "") return false;
      const c = compare(v.toLowerCase(), m[3].trim().toLowerCase());
      return { "<": c < 0, ">": c > 0, "<=": c <= 0, ">=": c >= 0, "=": c === 0, "!=": c !== 0 }[m[2]];
    };
  };
  const filter = document.getElementById("filter"), shown = document.getElementById("shown");
  const apply = () => {
    const tests = filter.value.toLowerCase().split(",").map(p => p.trim()).filter(p => p).map(test);
    let count = 0;
    rows.forEach(row => {
      row.hidden = !tests.every(t => t(row));
      count += row.hidden ? 0 : 1;
    });
    shown.textContent = count + " of " + rows.length;
  };
  filter.addEventListener("input", apply);
  apply();
})();
)JS";

}  // namespace moesim
