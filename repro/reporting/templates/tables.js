// Headings sort their table: first ascending, then descending, then as it was. Rows without a value
// stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], original = [...body.rows];
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      if (before === "descending") return body.append(...original);
      const down = before !== "ascending";
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        const [x, y] = [Number(a), Number(b)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
        return down ? order : -order;
      });
      body.append(...rows);
      heading.setAttribute("aria-sort", down ? "ascending" : "descending");
    });
  });
}

// Buttons show the rows of one verdict. A table without such rows goes too; on paper all rows stay.
for (const bar of document.querySelectorAll(".filters")) {
  const section = bar.closest("section"), buttons = [...bar.querySelectorAll("button")];
  const status = bar.querySelector("[role=status]");
  const cells = (rows) => new Set(rows.map((row) => row.dataset.cell)).size;
  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    const wanted = chosen.dataset.verdict;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
    const rows = [...section.querySelectorAll("tbody tr")];
    const kept = rows.filter((row) => !wanted || row.dataset.verdict === wanted);
    for (const row of rows) row.classList.toggle("out", !kept.includes(row));
    for (const scroll of section.querySelectorAll(".scroll"))
      scroll.classList.toggle("out", !scroll.querySelector("tbody tr:not(.out)"));
    status.replaceChildren(...(wanted ? inBoth(
      `${cells(kept)} of ${cells(rows)} shown`, `共 ${cells(rows)} 项，显示 ${cells(kept)} 项`,
    ) : []));
  });
}
