// The report's behaviour: draw the figures in the page's look, sort the table, find a clicked trial.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 560px)");

  // A patch is a list of [path, value] that turns the light, wide figure into another look.
  const patched = (figure, patches) => {
    const copy = structuredClone(figure);
    for (const [path, value] of patches) {
      const parent = path.slice(0, -1).reduce((node, key) => node[key], copy);
      parent[path.at(-1)] = value;
    }
    return copy;
  };

  const draw = () => {
    for (const [id, { figure, dark: night, narrow: phone }] of Object.entries(data.figures)) {
      const look = patched(figure, [...(narrow.matches ? phone : []), ...(dark.matches ? night : [])]);
      Plotly.react(id, look.data, look.layout, data.config);
    }
  };
  draw();
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  // A printed page is light; the colours on the screen come back afterwards.
  addEventListener("beforeprint", () => {
    for (const [id, { figure }] of Object.entries(data.figures)) {
      Plotly.react(id, figure.data, figure.layout, data.config);
    }
  });
  addEventListener("afterprint", draw);

  const table = document.querySelector("table.trials");
  const body = table.tBodies[0];
  const key = (row, column) => row.cells[column].dataset.key;
  table.tHead.addEventListener("click", (event) => {
    const header = event.target.closest("th");
    if (!header) return;
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].sort((a, b) => {
      const [left, right] = [key(a, column), key(b, column)];
      if (left === "" || right === "") return (left === "") - (right === ""); // unknown: last
      const order = isNaN(left) ? left.localeCompare(right) : left - right;
      return down ? -order : order;
    });
    body.append(...rows);
  });

  const choose = (number) => {
    body.querySelector("tr.chosen")?.classList.remove("chosen");
    const row = document.getElementById(`trial-${number}`);
    if (!row) return;
    row.classList.add("chosen");
    row.querySelector("details")?.setAttribute("open", "");
    row.scrollIntoView({ block: "center" });
  };
  for (const id of Object.keys(data.figures)) {
    document.getElementById(id).on("plotly_click", ({ points }) => {
      if (points[0].customdata !== undefined) choose(points[0].customdata);
    });
  }
})();
