// Where a reader points at a figure, a small box says what is there: the text of a point, or the
// value of a curve, which the records in this page have. The arrow keys go from one to the next.
const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
document.body.append(tip);

const records = new Map();
function runsOf(model) {
  if (!records.has(model)) {
    const links = document.querySelectorAll(`[id="runs-${model}"] a[download]`);
    records.set(model, [...links].map((link) => JSON.parse(atob(link.getAttribute("href").split(",")[1]))));
  }
  return records.get(model);
}

// The text of a point, of which one box is enough.
function takeTitle(element) {
  const title = element.querySelector("title");
  title.remove();
  return title.textContent;
}

class Figure {
  constructor(svg) {
    Object.assign(this, { svg, chinese: svg.classList.contains("zh"), curves: null, seeds: new Set(), at: [0, -1] });
    this.points = [...svg.querySelectorAll("[data-label]:not([data-panel], [data-cells])")].map((group) => ({
      label: group.dataset.label,
      entries: [...group.querySelectorAll("use:has(title)")].map((use) => {
        return { x: Number(use.getAttribute("x")), y: Number(use.getAttribute("y")), text: takeTitle(use), use };
      }).sort((a, b) => a.x - b.x || b.y - a.y),
    }));
    for (const group of svg.querySelectorAll("[data-cells]")) this.points.push(...this.rows(group));
    this.ring = document.createElementNS(svg.namespaceURI, "circle");
    this.ring.setAttribute("class", "ring");
    svg.append(this.ring);
    svg.setAttribute("tabindex", 0);
    svg.setAttribute("role", "application");
    const label = svg.getAttribute("aria-label");
    svg.setAttribute("aria-label", this.chinese ? `${label}。方向键逐点显示数值。` : `${label}. Arrow keys show values.`);
    svg.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.point(event, 14));
    svg.addEventListener("click", (event) => this.point(event, 24));
    svg.addEventListener("pointerleave", () => this.hide());
    svg.addEventListener("blur", () => this.hide());
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  // The squares of a matrix, a group a row.
  rows(group) {
    const label = group.dataset.label, cells = [...group.querySelectorAll("path:has(title)")];
    const entries = cells.map((path, at) => {
      const [x, y, right, , , bottom] = path.getAttribute("d").match(/-?[\d.]+/g).map(Number);
      const half = Math.abs(right - x) / 2, cell = [group.dataset.cells, Math.floor(at / 10), at % 10];
      return { x: (x + right) / 2, y: (y + bottom) / 2, half, text: takeTitle(path), cell };
    });
    return Array.from({ length: 10 }, (_, row) => ({ label, entries: entries.slice(10 * row, 10 * row + 10) }));
  }

  // The curves of all panels: their means, and each seed that is shown.
  groups() {
    this.curves ??= [...this.svg.querySelectorAll("[data-panel]")].flatMap((group) => this.panel(group));
    return [...this.curves, ...this.points].filter(({ entries }) => entries.length);
  }

  panel(group) {
    const numbers = group.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const edges = (offset) => numbers.filter((_, at) => at % 2 === offset);
    const [left, right, top, bottom] = [0, 1].flatMap((at) => [Math.min(...edges(at)), Math.max(...edges(at))]);
    const [first, last, low, high] = `${group.dataset.x} ${group.dataset.y}`.split(" ").map(Number);
    const place = (epoch, value) => ({
      x: left + (epoch - first) / (last - first) * (right - left),
      y: bottom - (value - low) / (high - low) * (bottom - top),
    });
    const runs = runsOf(group.dataset.panel), comma = this.chinese ? "，" : ", ";
    const epochs = Array.from({ length: Math.max(...runs.map((run) => run.epochs.length)) }, (_, at) => at);
    return JSON.parse(group.dataset.lines).flatMap(([of, name, colour]) => {
      const label = [group.dataset.label, name].join(comma);
      const means = epochs.map((at) => {
        const values = runs.filter((run) => at < run.epochs.length).map((run) => run.epochs[at][of]);
        const mean = values.reduce((a, b) => a + b) / values.length;
        const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(4));
        const text = this.chinese
          ? `第 ${at + 1} 轮：平均 ${mean.toFixed(4)}（${least} 至 ${most}，${values.length} 个种子）`
          : `epoch ${at + 1}: mean ${mean.toFixed(4)} (${least} to ${most}, ${values.length} seed${values.length > 1 ? "s" : ""})`;
        return { ...place(at + 1, mean), text };
      });
      const singles = runs.filter((run) => this.seeds.has(run.spec.seed)).map((run) => {
        const seed = run.spec.seed;
        const entries = run.epochs.map((epoch) => ({
          ...place(epoch.epoch, epoch[of]),
          seed,
          text: this.chinese
            ? `种子 ${seed}，第 ${epoch.epoch} 轮：${epoch[of].toFixed(4)}`
            : `seed ${seed}, epoch ${epoch.epoch}: ${epoch[of].toFixed(4)}`,
        }));
        return { label, entries, seed, colour, group };
      });
      return [{ label, entries: means }, ...singles];
    });
  }

  // Draw the curves of the seeds that are shown, and hide the dots of the others.
  choose(seeds) {
    this.seeds = seeds;
    this.curves = null;
    this.at = [0, -1];
    for (const use of this.svg.querySelectorAll("use[data-seed]"))
      use.classList.toggle("off", !seeds.has(Number(use.dataset.seed)));
    for (const line of this.svg.querySelectorAll("path[data-seed]")) line.remove();
    for (const { entries, seed, colour, group } of this.groups()) if (colour) {
      const line = document.createElementNS(this.svg.namespaceURI, "path");
      line.setAttribute("d", `M${entries.map(({ x, y }) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ")}`);
      line.setAttribute("class", "single");
      line.setAttribute("stroke", colour);
      line.dataset.seed = seed;
      group.parentNode.append(line);
    }
  }

  onScreen({ x, y }) {
    const { a, d, e, f } = this.svg.getScreenCTM();
    return { x: a * x + e, y: d * y + f };
  }

  // `reach` is in pixels of the screen.
  point(event, reach) {
    const { a, d, e, f } = this.svg.getScreenCTM(), x = (event.clientX - e) / a, y = (event.clientY - f) / d;
    let best = null, least = reach / a;
    this.groups().forEach((group, number) => group.entries.forEach((entry, at) => {
      if (entry.use?.classList.contains("off")) return;
      const across = Math.abs(entry.x - x), along = Math.abs(entry.y - y);
      // Markers lie on curves; in a square is in it.
      const distance = entry.half
        ? Math.max(across, along) < entry.half ? 0 : Infinity
        : Math.hypot(across, along) - (entry.use ? 2 : 0);
      if (distance < least) [best, least] = [[number, at], distance];
    }));
    if (best) this.show(best, event.type === "click");
    else this.hide();
  }

  key(event) {
    const groups = this.groups(), keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
    if (event.key === "Escape") this.hide();
    if (!keys.includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (this.at[1] < 0) return this.show([0, 0], true);
    let [number, at] = this.at;
    const across = { ArrowUp: -1, ArrowDown: 1 }[event.key], along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (across) number = Math.max(0, Math.min(groups.length - 1, number + across));
    const last = groups[number].entries.length - 1;
    if (event.key === "Home") at = 0;
    else if (event.key === "End") at = last;
    else at = Math.max(0, Math.min(last, at + (along || 0)));
    // A seed that is off is passed over.
    while (groups[number].entries[at]?.use?.classList.contains("off") && at + along in groups[number].entries) at += along;
    this.show([number, at]);
    this.ring.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    this.show([number, at], true);
  }

  // `chosen`: not only pointed at.
  show([number, at], chosen = false) {
    const group = this.groups()[number], entry = group.entries[at];
    if (!entry) return;
    this.at = [number, at];
    this.ring.setAttribute("r", entry.half ?? 5);
    this.ring.setAttribute("cx", entry.x);
    this.ring.setAttribute("cy", entry.y);
    this.ring.classList.add("on");
    if (chosen && entry.cell) {
      const detail = { ...entry, label: group.label, chinese: this.chinese };
      this.svg.dispatchEvent(new CustomEvent("cell", { bubbles: true, detail }));
    }
    const seed = entry.seed ?? entry.use?.dataset.seed;
    for (const other of this.svg.querySelectorAll("[data-seed]"))
      other.classList.toggle("same", seed !== undefined && other.dataset.seed === String(seed));
    const name = document.createElement("strong"), { x, y } = this.onScreen(entry);
    name.textContent = group.label;
    if (tip.textContent !== group.label + entry.text) tip.replaceChildren(name, entry.text);
    tip.lang = this.chinese ? "zh-Hans" : "en";
    tip.classList.add("on");
    const width = document.documentElement.clientWidth, { offsetWidth, offsetHeight } = tip;
    tip.style.left = `${Math.max(4, Math.min(width - offsetWidth - 4, x - offsetWidth / 2)) + scrollX}px`;
    tip.style.top = `${(y > offsetHeight + 16 ? y - offsetHeight - 12 : y + 14) + scrollY}px`;
  }

  hide() {
    tip.classList.remove("on");
    this.ring.classList.remove("on");
    for (const other of this.svg.querySelectorAll(".same")) other.classList.remove("same");
  }
}

document.getElementById("hint").hidden = false;
addEventListener("keydown", (event) => event.key === "Escape" && tip.classList.remove("on"));
for (const figure of document.querySelectorAll("figure")) {
  const drawings = [...figure.querySelectorAll("svg")].filter((svg) => svg.querySelector("[data-label]"));
  if (drawings.length) figure.removeAttribute("tabindex"); // its drawing is reached instead
  const all = drawings.map((svg) => new Figure(svg)), curves = figure.querySelector("[data-panel]");
  const marked = [...figure.querySelectorAll("svg.en [data-seed]")].map((use) => Number(use.dataset.seed));
  if (curves) for (const panel of figure.querySelectorAll("svg.en [data-panel]"))
    marked.push(...runsOf(panel.dataset.panel).map((run) => run.spec.seed));
  const seeds = [...new Set(marked)].sort((a, b) => a - b);
  if (seeds.length < 2) continue;

  // Buttons for single seeds. Curves show the mean first, dots all seeds.
  const bar = document.createElement("div"), name = document.createElement("span");
  bar.className = "filters";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Seeds / 种子");
  name.className = "note";
  name.append(...inBoth("Seeds", "种子"));
  const shown = new Set(curves ? [] : seeds);
  const buttons = [null, ...seeds].map((seed) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...(seed === null ? inBoth("All", "全部") : [String(seed)]));
    button.addEventListener("click", () => {
      const on = seed === null ? shown.size < seeds.length : !shown.has(seed);
      for (const each of seed === null ? seeds : [seed]) shown[on ? "add" : "delete"](each);
      press();
      for (const drawing of all) drawing.choose(shown);
    });
    return button;
  });
  const press = () => buttons.forEach((button, at) =>
    button.setAttribute("aria-pressed", String(at ? shown.has(seeds[at - 1]) : shown.size === seeds.length)));
  press();
  bar.append(name, ...buttons);
  figure.querySelector("figcaption").before(bar);
}
