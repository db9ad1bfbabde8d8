"use strict";

// Figures: drawn from the JSON beside them, in the colours of the scheme, and again when it changes.

const schemes = document.getElementById("schemes");
const templates = schemes && JSON.parse(schemes.textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const PRINT_WIDTH = 680; // px, of A4 between its margins
const PRINT_HEIGHT = 880; // px, so that a figure and its caption fit on a page

function draw(scheme, printed) {
  for (const source of document.querySelectorAll("script[data-figure]")) {
    const { data, layout } = JSON.parse(source.textContent);
    const drawn = { dragmode: false, ...layout, template: templates[scheme] };
    if (printed) {
      drawn.width = PRINT_WIDTH;
      drawn.height = Math.min(drawn.height, PRINT_HEIGHT);
    }
    Plotly.react(source.dataset.figure, data, drawn, { responsive: true, displayModeBar: false });
  }
}

function drawOnScreen() {
  draw(dark.matches ? "dark" : "light", false);
}

if (templates) {
  drawOnScreen();
  dark.addEventListener("change", drawOnScreen);
  window.addEventListener("beforeprint", () => draw("light", true));
  window.addEventListener("afterprint", drawOnScreen);
}

// Tables: a click on a column's title sorts by it, and another one the other way round.

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sort(table, title, column) {
  const down = title.getAttribute("aria-sort") === "ascending";
  for (const other of title.parentNode.cells) other.removeAttribute("aria-sort");
  title.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row, value(row, column)]);
  const empty = ([, one]) => one === "";
  rows.sort((a, b) => empty(a) - empty(b) || (down ? -1 : 1) * compare(a[1], b[1]));
  body.append(...rows.map(([row]) => row));
}

for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[0].cells].forEach((title, column) => {
    title.querySelector("button").addEventListener("click", () => sort(table, title, column));
  });
}
