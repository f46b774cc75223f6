"use strict";
(() => {
  const NOBODY = -1;
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();
  const tip = document.getElementById("tip");
  const chosenBox = document.getElementById("chosen");
  const rows = new Map(Array.from(document.querySelectorAll("tr[data-trial]"), (row) => [Number(row.dataset.trial), row]));
  const texts = new Map(page.texts.map(([id, title, settings, log]) => [id, { title, settings, log }]));
  let chosen = NOBODY;

  const table = ({ columns, rows }) =>
    rows.map((row) => Object.fromEntries(row.map((value, at) => [columns[at], value]).filter(([, value]) => value !== null)));

  const paint = (view, colours) => Object.entries(colours).forEach(([name, colour]) => view.signal(name, colour));
  const colours = () => (dark.matches ? page.dark : page.light);

  async function draw({ id, spec, tables }) {
    for (const source of spec.data) if (tables.includes(source.name)) source.values = table(page.tables[source.name]);
    const shades = colours();
    for (const signal of spec.signals) if (signal.name in shades) signal.value = shades[signal.name];
    const options = { mode: "vega", renderer: page.renderer, actions: false, tooltip: false, hover: false, defaultStyle: false };
    const { view } = await window.vegaEmbed(document.getElementById(id), spec, options);
    view.addEventListener("click", (event, item) => choose(trialOf(item) === chosen ? NOBODY : trialOf(item)));
    view.addEventListener("mousemove", (event, item) => hint(event, trialOf(item)));
    view.addEventListener("mouseout", () => { tip.hidden = true; });
    views.set(id, view);
  }

  function trialOf(item) {
    const found = item && item.datum && item.datum.i !== undefined ? item.datum.i : item && Array.isArray(item.items) && item.items[0] && item.items[0].datum ? item.items[0].datum.i : undefined;
    return typeof found === "number" && texts.has(found) ? found : NOBODY;
  }

  function hint(event, trial) {
    tip.hidden = trial === NOBODY;
    event.target.style.cursor = trial === NOBODY ? "default" : "pointer";
    if (trial === NOBODY) return;
    tip.textContent = texts.get(trial).title;
    const width = tip.offsetWidth;
    tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - width - 8)}px`;
    tip.style.top = `${Math.max(event.clientY - tip.offsetHeight - 10, 4)}px`;
  }

  function choose(trial) {
    rows.get(chosen)?.classList.remove("chosen");
    chosen = trial;
    rows.get(chosen)?.classList.add("chosen");
    for (const view of views.values()) view.signal("trial", chosen).run();
    document.documentElement.dataset.chosen = String(chosen);
    chosenBox.hidden = chosen === NOBODY;
    if (chosen === NOBODY) return;
    const text = texts.get(chosen);
    chosenBox.querySelector("b").textContent = text.title;
    chosenBox.querySelector("p").textContent = text.settings;
    chosenBox.querySelector("a").href = text.log;
  }

  async function copy(button) {
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  }

  function sort(header) {
    const body = header.closest("table").tBodies[0];
    const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    const key = (row) => row.children[header.cellIndex].dataset.key ?? row.children[header.cellIndex].textContent;
    const numeric = !header.classList.contains("text");
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return direction * (numeric && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y, undefined, { numeric: true }));
    };
    body.append(...Array.from(body.rows).sort(compare));
  }

  const repaint = (shades) => views.forEach((view) => { paint(view, shades); view.run(); });
  dark.addEventListener("change", () => repaint(colours()));
  window.addEventListener("beforeprint", () => repaint(page.light));
  window.addEventListener("afterprint", () => repaint(colours()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const row = event.target.closest("tr[data-trial]");
    if (button?.dataset.copy !== undefined) copy(button);
    else if (button?.dataset.sort !== undefined) sort(button.closest("th"));
    else if (button?.dataset.clear !== undefined) choose(NOBODY);
    else if (row && !event.target.closest("a")) choose(Number(row.dataset.trial) === chosen ? NOBODY : Number(row.dataset.trial));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(NOBODY);
    const row = event.target.closest?.("tr[data-trial]");
    if (row && event.key === "Enter" && event.target === row) choose(Number(row.dataset.trial));
  });
  window.playbookReport = { views, choose };
  Promise.all(page.charts.map(draw)).then(() => { document.documentElement.dataset.ready = "true"; });
})();
