// The report's table: it is sorted by a click, and shows a trial that was clicked in a figure.
(() => {
  "use strict";
  const table = document.getElementById("trials");
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
  drawn.then(() => {
    for (const id of Object.keys(data.figures)) {
      document.getElementById(id).on("plotly_click", ({ points }) => {
        if (points[0].customdata !== undefined) choose(points[0].customdata);
      });
    }
  });
})();
