"use strict";
// Reads the page as it stands, draws its charts and answers its reader, until close(). The reader's choices are in the
// address, so that a live page can put newer content in place, and open again.
function openReport() {
  const NOBODY = -1;
  const MOST_CHOSEN = 8;
  const ended = new AbortController();
  const on = (target, kind, act) => target.addEventListener(kind, act, { signal: ended.signal });
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();
  const tip = document.getElementById("tip");
  const chosenBox = document.getElementById("chosen");
  const find = document.querySelector("[data-find]");
  const rows = new Map(Array.from(document.querySelectorAll("tr[data-trial]"), (row) => [Number(row.dataset.trial), row]));
  const texts = new Map(page.texts.map(([id, title, settings, log]) => [id, { title, settings, log }]));
  const columns = page.trials.columns;
  const known = new Map(page.trials.rows.map((values, at) => [values[0], { values, arm: page.trials.arms[at] }]));
  const hidden = new Set();
  const state = { trial: NOBODY, find: "", arms: new Set(), brushes: new Map(), columns: new Set(), sort: null, controls: {}, zooms: new Map(), also: new Set(), adding: false };

  // Logs are links where the page was written, and on a page that is served; a page that was mailed has none beside it.
  const atHome = decodeURI(window.location.pathname).endsWith(`/${page.study}/report/index.html`);
  const served = document.getElementById("live") !== null;
  const logOf = (file) => (atHome ? file : served ? `log/${Number(file.match(/(\d+)\/[^/]*$/)[1])}` : null);
  const linkLogs = () => {
    for (const link of document.querySelectorAll("a[data-file]")) {
      const place = logOf(link.dataset.file);
      if (place) link.href = place;
      else link.title = link.dataset.file.replace(/^\.\./, page.folder);
    }
  };
  linkLogs();

  // Charts -----------------------------------------------------------------------------------------------------------
  const table = ({ columns, rows }) =>
    rows.map((row) => Object.fromEntries(row.map((value, at) => [columns[at], value]).filter(([, value]) => value !== null)));
  const paint = (view, colours) => Object.entries(colours).forEach(([name, colour]) => view.signal(name, colour));
  const colours = () => (dark.matches ? page.dark : page.light);

  async function draw({ id, spec, tables }) {
    for (const source of spec.data) if (tables.includes(source.name)) source.values = table(page.tables[source.name]);
    const shades = colours();
    for (const signal of spec.signals) if (signal.name in shades) signal.value = shades[signal.name];
    const now = { trial: state.trial, also: flags(state.also), off: flags(hidden) };
    for (const signal of spec.signals) if (signal.name in now) signal.value = now[signal.name];
    const options = { mode: "vega", renderer: page.renderer, actions: false, tooltip: false, hover: false, defaultStyle: false };
    const place = document.getElementById(id);
    if (ended.signal.aborted) return;
    const { view } = await window.vegaEmbed(place, spec, options);
    if (ended.signal.aborted) { view.finalize(); return; }
    place.style.minHeight = "";
    view.addEventListener("click", (event, item) => {
      if (trialOf(item) !== NOBODY && !zoomed) press(trialOf(item), event);
    });
    view.addEventListener("mousemove", (event, item) => hint(event, trialOf(item)));
    view.addEventListener("mouseout", () => { tip.hidden = true; });
    views.set(id, view);
    if (id === "chart-together") { brushing(view); showBrushes(); }
    if (id === "chart-curves") { zooming(id, view, drawCurves); drawCurves(); }
    if (id === "chart-tradeoff") { zooming(id, view, drawTradeoff); drawTradeoff(); }
    if (id === "chart-pair") drawPair();
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

  // One press chooses a trial, a second one lets go; with Ctrl, or while trials are added, it joins or leaves the others.
  function press(trial, event) {
    const all = chosen();
    if ((event.ctrlKey || event.metaKey || state.adding) && all.length) choose(...(all.includes(trial) ? all.filter((own) => own !== trial) : [...all, trial]));
    else choose(trial === state.trial ? NOBODY : trial);
  }

  const short = (value) => (typeof value === "number" ? (value && Math.abs(value) < 1e-4 ? value.toExponential(3) : String(Number(value.toPrecision(4)))) : value === null ? "–" : String(value));
  const flags = (trials) => Object.fromEntries([...trials].map((trial) => [trial, true]));
  const chosen = () => (state.trial === NOBODY ? [] : [state.trial, ...state.also]);

  // The first one is the one that is looked at, and the others are compared with it.
  function choose(...trials) {
    for (const trial of chosen()) rows.get(trial)?.classList.remove("chosen");
    const [first, ...more] = trials.filter((trial) => texts.has(trial)).slice(0, MOST_CHOSEN);
    state.trial = first ?? NOBODY;
    state.also = new Set(more);
    for (const trial of chosen()) rows.get(trial)?.classList.add("chosen");
    drawCurves();
    for (const view of views.values()) view.signal("trial", state.trial).signal("also", flags(state.also)).run();
    document.documentElement.dataset.chosen = String(state.trial);
    chosenBox.hidden = state.trial === NOBODY;
    if (state.trial === NOBODY) add(false);
    remember();
    differences();
    if (state.trial === NOBODY) return;
    const text = texts.get(state.trial);
    if (!state.also.size) chosenBox.querySelector("b").textContent = text.title;
    chosenBox.querySelector("p").textContent = text.settings;
    const log = chosenBox.querySelector("a");
    log.textContent = text.log.replace(/^\.\./, page.folder);
    if (logOf(text.log)) log.href = logOf(text.log);
  }

  function add(adding) {
    state.adding = adding;
    chosenBox.querySelector("[data-add]").setAttribute("aria-pressed", String(adding));
  }

  // What differs between the chosen trials: a row a setting or result, a column a trial.
  function differences() {
    const all = chosen();
    const place = chosenBox.querySelector("table");
    place.hidden = all.length < 2;
    chosenBox.querySelector("div > p").hidden = chosenBox.querySelector("div > p + p").hidden = !place.hidden;
    if (place.hidden) return;
    const own = all.map((trial) => known.get(trial).values);
    const lines = columns.map((name, at) => [name, ...own.map((values) => values[at])]).filter(([, first, ...others]) => others.some((value) => value !== first));
    const same = columns.length - lines.length;
    place.replaceChildren(...lines.map(([name, ...values], number) => {
      const row = document.createElement("tr");
      row.append(...[name, ...values].map((value, at) => Object.assign(document.createElement(number && at ? "td" : "th"), { textContent: at ? short(value) : name, title: String(value ?? "") })));
      return row;
    }));
    chosenBox.querySelector("b").textContent = `${all.length} trials differ in ${lines.length - 1} of ${columns.length - 1} columns${same ? `; ${same} are the same` : ""}`;
  }

  // Curves -----------------------------------------------------------------------------------------------------------
  const curves = page.curves;
  const bytes = Uint8Array.from(window.atob(curves.values), (char) => char.charCodeAt(0));
  const numbers = new Float32Array(bytes.buffer);
  const starts = new Map();
  curves.trials.reduce((at, [trial, steps]) => {
    starts.set(trial, { at, steps: curves.steps[steps] });
    return at + curves.steps[steps].length * curves.metrics.length;
  }, 0);
  const control = (name) => state.controls[name];

  const seconds = columns.findIndex((name) => name.startsWith("seconds"));
  const units = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]];
  const longest = Math.max(0, ...curves.trials.map(([trial]) => known.get(trial)?.values[seconds] ?? 0));
  const [unit, inUnit] = units.find(([, size]) => longest >= 3 * size) ?? units[3];

  // From a step to where it is drawn: steps, or the time until then at the trial's mean speed; null where that is unknown.
  function across(trial) {
    if (control("over") !== "time") return (step) => step;
    const { steps } = starts.get(trial);
    const spent = known.get(trial)?.values[seconds];
    return spent == null ? null : (step) => (step / steps[steps.length - 1]) * (spent / inUnit);
  }

  function curve(trial, metric) {
    const { at, steps } = starts.get(trial);
    const from = at + metric * steps.length;
    const weight = Number(control("smooth") ?? 0);
    const place = across(trial);
    let mean = 0, mass = 0;
    const points = [];
    if (place) steps.forEach((step, number) => {
      const y = numbers[from + number];
      if (!Number.isFinite(y)) return;
      mean = weight * mean + (1 - weight) * y;
      mass = weight * mass + (1 - weight);
      points.push({ step, x: place(step), y: mean / mass });
    });
    return points;
  }

  const middle = (values, share = 0.5) => values.sort((one, other) => one - other)[Math.round(share * (values.length - 1))];

  // Of every arm, the median and the quartiles at the steps that most of its trials in the table have.
  function medians(metric) {
    const arms = new Map();
    for (const [trial] of curves.trials) {
      const own = known.get(trial);
      const place = across(trial);
      if (!own || own.values[1] !== "completed" || hidden.has(trial) || !place) continue;
      if (!arms.has(own.arm)) arms.set(own.arm, { found: new Map(), speeds: [] });
      const { found, speeds } = arms.get(own.arm);
      speeds.push(place(1));
      for (const { step, y } of curve(trial, metric)) found.set(step, [...(found.get(step) ?? []), y]);
    }
    const made = [];
    for (const [a, { found, speeds }] of arms) {
      const most = Math.max(...[...found.values()].map((values) => values.length));
      for (const [step, values] of [...found].sort(([one], [other]) => one - other)) {
        if (values.length >= most / 2) made.push({ a, x: step * middle(speeds), y: middle(values), l: middle(values, 0.25), h: middle(values, 0.75) });
      }
    }
    return made;
  }

  // Round numbers between two ends; where these are powers of ten, the powers of round numbers.
  function ticks(low, high, log) {
    if (log && high - low > 0.5) {
      const digits = high - low > 3 ? [1] : [1, 2, 5];
      const found = [];
      for (let power = Math.floor(low); power <= high; power++) found.push(...digits.map((digit) => power + Math.log10(digit)));
      const inside = found.filter((at) => at >= low && at <= high);
      return inside.filter((at, number) => number % Math.ceil(inside.length / 8) === 0);
    }
    const rough = (high - low) / 6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((digit) => digit * power >= rough) * power;
    const found = [];
    for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(Number((at * step).toPrecision(12)));
    return found;
  }

  const shortened = (name) => (name.length > 48 ? `${name.slice(0, 30)}…${name.slice(-16)}` : name);

  // What a reader has dragged over, else all of it; with its ticks, as signals of the view.
  function scales(id, ends, logs, names) {
    const zoom = state.zooms.get(id);
    const signals = {};
    ["x", "y"].forEach((side, at) => {
      const [low, high] = zoom ? zoom.slice(2 * at, 2 * at + 2) : ends[at];
      const end = high > low ? high : low + 1;
      Object.assign(signals, { [`${side}lo`]: low, [`${side}hi`]: end, [`${side}ticks`]: ticks(low, end, logs[at]), [`${side}name`]: names[at], [`log${side}`]: logs[at] });
    });
    Object.entries(signals).forEach(([name, value]) => views.get(id).signal(name, value));
  }

  function wanted() {
    const which = control("which") ?? "best";
    const all = curves.trials.map(([trial]) => trial);
    const some = which === "chosen" || which === "arms" ? [] : which === "left" ? all.filter((trial) => !hidden.has(trial)).slice(0, 300)
      : which === "bad" ? all.filter((trial) => known.get(trial)?.values[1] === "infeasible").slice(0, 300)
      : curves.best.filter((trial) => starts.has(trial));
    return [...new Set([...some, ...chosen().filter((trial) => starts.has(trial))])];
  }

  function drawCurves() {
    const view = views.get("chart-curves");
    if (!view) return;
    const metric = Number(control("metric") ?? 0);
    const [logx, logy] = [Boolean(control("logx")), Boolean(control("logy"))];
    const power = (on, value) => (on ? Math.log10(value) : value);
    const fits = ({ x, y }) => !(logx && x <= 0) && !(logy && y <= 0);
    const timed = control("over") === "time";
    const length = timed ? longest / inUnit : curves.length;
    const made = [];
    const late = [];
    for (const trial of wanted()) {
      [metric, curves.partners[metric]].forEach((which, training) => {
        if (which === undefined) return;
        for (const { step, x, y } of curve(trial, which)) {
          if (!fits({ x, y })) continue;
          const own = known.get(trial);
          const m = Number(!training && metric === 0 && own?.values[3] === step);
          const point = { i: trial, a: own?.arm ?? 0, r: Number(trial === curves.best[0]), w: training, x: power(logx, x), y: power(logy, y), m };
          made.push(point);
          if (x >= length / 10) late.push(point.y);
        }
      });
    }
    const spread = (control("which") === "arms" ? medians(metric) : []).filter(({ x, l }) => fits({ x, y: l }))
      .map(({ a, x, y, l, h }) => ({ a, x: power(logx, x), y: power(logy, y), l: power(logy, l), h: power(logy, h) }));
    const beyond = power(logx, length / 10);
    late.push(...spread.filter(({ x }) => x >= beyond).flatMap(({ l, h }) => [l, h]));
    const values = (late.length ? late : made.map(({ y }) => y)).sort((a, b) => a - b);
    const cut = values.length > 100 ? Math.floor(values.length / 100) : 0;
    let [low, high] = values.length ? [values[0], values[values.length - 1]] : [0, 1];
    if (!logy && cut && metric === 0 && curves.goal === "maximize") low = values[cut];
    else if (!logy && cut) high = values[values.length - 1 - cut];
    const room = 0.04 * (high - low) || 0.04 * Math.abs(high) || 1;
    const xs = [...made, ...spread].map(({ x }) => x);
    const end = timed && xs.length ? xs.reduce((one, other) => Math.max(one, other)) : power(logx, Math.max(length, ...xs.slice(0, 1).map((x) => (logx ? 10 ** x : x))));
    const begin = logx ? xs.reduce((one, other) => Math.min(one, other), end) : 0;
    scales("chart-curves", [[begin, end], [low - room, high + room]], [logx, logy], [timed ? `${unit} of training, at each trial's mean speed` : "step", shortened(curves.metrics[metric])]);
    view.data("curve", made).data("spread", spread).resize().run();
    document.documentElement.dataset.curves = String(new Set(made.map(({ i }) => i)).size);
  }

  // Any two numbers of the trials --------------------------------------------------------------------------------------
  function drawTradeoff() {
    const view = views.get("chart-tradeoff");
    if (!view) return;
    const picks = ["across", "up"].map((side) => {
      const name = control(side) ?? document.querySelector(`[data-control="${side}"]`).value;
      const goal = control(`${side}-goal`) || page.trials.goals[name];
      return { name, at: columns.indexOf(name), sign: { minimize: 1, maximize: -1 }[goal] };
    });
    const logs = [Boolean(control("tradeoff-logx")), Boolean(control("tradeoff-logy"))];
    const points = [];
    for (const [i, { values, arm }] of known) {
      const own = picks.map(({ at }) => values[at]);
      if (values[1] !== "completed" || hidden.has(i) || !own.every((value, side) => typeof value === "number" && (value > 0 || !logs[side]))) continue;
      const [x, y] = own.map((value, side) => (logs[side] ? Math.log10(value) : value));
      points.push({ i, a: arm, x, y, f: 0 });
    }
    // From the best one across: a trial is on the front if it is better up than all before.
    const [right, up] = picks.map(({ sign }) => sign);
    const front = [];
    if (right && up) for (const point of [...points].sort((one, other) => right * (one.x - other.x) || up * (one.y - other.y))) {
      if (!front.length || up * point.y < up * front[front.length - 1].y) front.push(point);
    }
    for (const point of front) point.f = 1;
    const ends = ["x", "y"].map((side, at) => {
      const values = points.map((point) => point[side]).sort((one, other) => one - other);
      if (!values.length) return [0, 1];
      let [low, high] = [values[0], values[values.length - 1]];
      const far = values[Math.floor(0.75 * values.length)] + 4 * (values[Math.floor(0.75 * values.length)] - low);
      if (picks[at].sign === 1 && !logs[at] && far > low) high = Math.min(high, far);
      const room = 0.04 * (high - low) || 0.04 * Math.abs(high) || 1;
      return [low - room, high + room];
    });
    scales("chart-tradeoff", ends, logs, picks.map(({ name }) => shortened(name)));
    view.data("numbers", points.sort((one, other) => one.f - other.f)).data("front", front.map(({ x, y }, n) => ({ x, y, n }))).resize().run();
    const inside = points.filter(({ x, y }) => x <= ends[0][1] && y <= ends[1][1]).length;
    const off = points.length - inside ? ` ${points.length - inside} of ${points.length} trials are off the scale.` : "";
    const listed = front.map(({ i }) => i);
    const said = !right || !up ? "Choose what is better in both to see the front." : `On the front: trial${listed.length === 1 ? "" : "s"} ${listed.slice(0, 12).join(", ")}${listed.length > 12 ? ` and ${listed.length - 12} more` : ""}.`;
    say("tradeoff", points.length ? said + off : "No completed trial has both.");
  }

  // What a chart shows, in words, beside its controls.
  function say(chart, text) {
    const bar = document.querySelector(`[data-for="${chart}"]`);
    const place = bar.querySelector("[data-said]") ?? bar.appendChild(document.createElement("span"));
    place.dataset.said = "";
    place.textContent = text;
  }

  // Dragging over a chart looks closer; a double click, or Escape, shows all of it again ---------------------------------
  let zoomed = false;

  function zooming(id, view, again) {
    const box = document.getElementById(id);
    const where = (event) => {
      const area = box.querySelector("svg, canvas").getBoundingClientRect();
      const [left, top] = view.origin();
      return [event.clientX - area.left - left, event.clientY - area.top - top];
    };
    const frame = box.appendChild(Object.assign(document.createElement("div"), { className: "zoom", hidden: true }));
    let begin = null;
    on(box, "pointerdown", (event) => {
      zoomed = false;
      if (event.pointerType === "mouse" && event.button === 0) begin = [event.clientX, event.clientY, where(event)];
    });
    on(window, "pointermove", (event) => {
      if (begin === null) return;
      const [x, y] = begin;
      if (Math.abs(event.clientX - x) < 6 && Math.abs(event.clientY - y) < 6) return;
      event.preventDefault();
      const area = box.getBoundingClientRect();
      frame.hidden = false;
      Object.assign(frame.style, { left: `${Math.min(x, event.clientX) - area.left}px`, top: `${Math.min(y, event.clientY) - area.top}px`, width: `${Math.abs(event.clientX - x)}px`, height: `${Math.abs(event.clientY - y)}px` });
    });
    on(window, "pointerup", (event) => {
      if (begin === null) return;
      const [from, to] = [begin[2], where(event)];
      begin = null;
      if (frame.hidden) return;
      frame.hidden = true;
      zoomed = true;
      const sides = ["x", "y"].flatMap((side, at) => {
        const ends = [from[at], to[at]].map((pixel) => view.scale(side).invert(pixel)).sort((one, other) => one - other);
        const all = [view.signal(`${side}lo`), view.signal(`${side}hi`)];
        return Math.abs(from[at] - to[at]) < 6 ? all : [Math.max(ends[0], all[0]), Math.min(ends[1], all[1])];
      });
      state.zooms.set(id, sides);
      again();
      remember();
    });
    on(box, "dblclick", () => { state.zooms.delete(id); again(); remember(); });
  }

  // Which trials are left: by the text above the table, by arms that are switched off, and by brushes -----------------
  function left() {
    const passes = parse(state.find);
    find?.classList.toggle("wrong", passes === null);
    hidden.clear();
    for (const [trial, { values, arm }] of known) {
      const shown = (passes === null || passes(values, trial)) && !state.arms.has(arm) && brushed(trial);
      if (!shown) hidden.add(trial);
    }
    for (const [trial, row] of rows) row.hidden = hidden.has(trial);
    const off = flags(hidden);
    const count = document.querySelector("[data-count]");
    const number = (n) => n.toLocaleString("en");
    if (count) count.textContent = `${number([...rows.keys()].filter((trial) => !hidden.has(trial)).length)} of ${number(rows.size)} trials`;
    for (const button of document.querySelectorAll("[data-arm]")) button.setAttribute("aria-pressed", String(!state.arms.has(Number(button.dataset.arm))));
    drawCurves();
    drawTradeoff();
    for (const view of views.values()) view.signal("off", off).run();
    remember();
  }

  // `val_error < 0.02 and (hidden_layers == 1 or not optimizer == adam)`; other text is searched for in the row.
  function parse(text) {
    if (!text.trim()) return () => true;
    const tokens = text.match(/"[^"]*"|'[^']*'|[()]|[<>!=]=?|~|[^\s()<>!=~]+/g) ?? [];
    if (!tokens.some((token) => /^([<>]=?|[!=]=?|~)$/.test(token))) {
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      return (values) => words.every((word) => values.join(" ").toLowerCase().includes(word));
    }
    let at = 0;
    const word = () => tokens[at]?.toLowerCase();
    const value = () => { const token = tokens[at++]; return token === undefined ? "" : token.replace(/^["']|["']$/g, ""); };
    function either() {
      let made = both();
      while (word() === "or" || word() === "||") { at++; const [a, b] = [made, both()]; if (!a || !b) return null; made = (v) => a(v) || b(v); }
      return made;
    }
    function both() {
      let made = one();
      while (word() === "and" || word() === "&&") { at++; const [a, b] = [made, one()]; if (!a || !b) return null; made = (v) => a(v) && b(v); }
      return made;
    }
    function one() {
      if (word() === "not") { at++; const a = one(); return a && ((v) => !a(v)); }
      if (word() === "(") { at++; const a = either(); return tokens[at++] === ")" ? a : null; }
      const name = value();
      const sign = tokens[at++];
      const given = value();
      const column = columns.indexOf(name);
      if (column < 0 || given === "" || !["<", "<=", ">", ">=", "=", "==", "!=", "~"].includes(sign)) return null;
      return (values) => compare(values[column], sign, given);
    }
    const made = either();
    return at >= tokens.length ? made : null;
  }

  // A regular expression; what is none is looked for as it stands.
  function matches(text, given) {
    try { return new RegExp(given, "i").test(text); }
    catch { return text.toLowerCase().includes(given.toLowerCase()); }
  }

  function compare(value, sign, given) {
    if (sign === "~") return matches(String(value ?? ""), given);
    const numeric = typeof value === "number" && given !== "" && !isNaN(given);
    const equal = numeric ? value === Number(given) : String(value ?? "") === given;
    if (sign === "=" || sign === "==") return equal;
    if (sign === "!=") return !equal;
    if (!numeric) return false;
    const other = Number(given);
    return sign === "<" ? value < other : sign === "<=" ? value <= other : sign === ">" ? value > other : value >= other;
  }

  // Results over two hyperparameters -----------------------------------------------------------------------------------
  const pairs = page.tables.pairs ? table(page.tables.pairs) : [];
  const marks = page.tables.marks ? table(page.tables.marks) : [];
  const good = new Set((page.tables.t ? table(page.tables.t) : []).filter(({ g }) => g === 1).map(({ i }) => i));

  // Neighbours of one band are one rectangle: seams would show between them.
  function cells(text) {
    const lines = text.split("/");
    return lines.flatMap((line, up) => {
      const made = [];
      for (let at = 0, end = 0; at < line.length; at = end) {
        while (end < line.length && line[end] === line[at]) end++;
        if (line[at] !== ".") made.push({ x: at / line.length, X: end / line.length, y: up / lines.length, Y: (up + 1) / lines.length, b: Number(line[at]) });
      }
      return made;
    });
  }

  function drawPair() {
    const view = views.get("chart-pair");
    const pair = pairs[Number(control("pair") ?? 0)] ?? pairs[0];
    if (!view || !pair) return;
    for (const [side, place] of [["x", pair.a], ["y", pair.b]]) {
      const own = marks.filter(({ x }) => x === place);
      view.signal(`${side}ticks`, own.map(({ u }) => u));
      view.signal(`${side}names`, Object.fromEntries(own.map(({ u, T }) => [u.toFixed(4), T])));
    }
    view.signal("xname", pair.X).signal("yname", pair.Y);
    const points = [];
    const choices = (place) => marks.find(({ x }) => x === place)?.n;
    // Trials of one choice are spread over its cell, each at a place of its own.
    const at = (where, place, spread) => (where.has(place) && choices(place) ? where.get(place) + (0.8 * (spread % 1) - 0.4) / choices(place) : where.get(place));
    for (const [i, where] of places) {
      const state = known.get(i)?.values[1];
      const [x, y] = [at(where, pair.a, i * 0.618034), at(where, pair.b, i * 0.754878)];
      if (x !== undefined && y !== undefined && (state === "infeasible" || state === "stopped" || known.get(i)?.values[2] != null)) points.push({ i, x, y, g: Number(good.has(i)), k: Number(state === "infeasible") });
    }
    view.data("border", pair.P == null ? [] : [{ x: pair.p, y: pair.q, X: pair.P, Y: pair.Q }]);
    view.data("bands", pair.c ? cells(pair.c) : []).data("pair", points.sort((one, other) => one.g - other.g)).resize().run();
    say("pair", pair.L);
  }

  // Brushes on the parallel axes ---------------------------------------------------------------------------------------
  const places = new Map();
  for (const { i, x, u } of page.tables.lines ? table(page.tables.lines) : []) {
    if (!places.has(i)) places.set(i, new Map());
    places.get(i).set(x, u);
  }

  function brushed(trial) {
    for (const [axis, [low, high]] of state.brushes) {
      const u = places.get(trial)?.get(axis);
      if (u === undefined || u < low || u > high) return false;
    }
    return true;
  }

  function showBrushes() {
    const view = views.get("chart-together");
    if (view) view.data("brushes", Array.from(state.brushes, ([x, [lo, hi]]) => ({ x, lo, hi }))).run();
  }

  function brushing(view) {
    const box = document.getElementById("chart-together");
    const where = (event) => {
      const area = box.querySelector("svg, canvas").getBoundingClientRect();
      const [left, top] = view.origin();
      const axis = Math.round(view.scale("x").invert(event.clientX - area.left - left));
      return { axis, u: Math.min(1, Math.max(0, view.scale("y").invert(event.clientY - area.top - top))) };
    };
    let begin = null;
    on(box, "pointerdown", (event) => { begin = where(event); });
    on(box, "pointermove", (event) => {
      if (begin === null || Math.abs(where(event).u - begin.u) < 0.02) return;
      event.preventDefault();
      const { u } = where(event);
      state.brushes.set(begin.axis, [Math.min(u, begin.u), Math.max(u, begin.u)]);
      showBrushes();
    });
    on(window, "pointerup", (event) => {
      if (begin === null) return;
      if (box.contains(event.target) && Math.abs(where(event).u - begin.u) < 0.02) state.brushes.delete(begin.axis);
      begin = null;
      showBrushes();
      left();
    });
  }

  // The table ----------------------------------------------------------------------------------------------------------
  const head = document.querySelector("#trials thead tr");

  // Those of the page; and behind them what else is known of trials, a column that is made when it is asked for.
  const shownNames = head ? Array.from(head.children, (cell) => cell.querySelector("button")?.title ?? cell.textContent) : [];
  const names = [...shownNames, ...columns.filter((name) => !shownNames.includes(name))];
  const made = new Map();

  function show(at) {
    if (!made.has(at)) {
      const place = columns.indexOf(names[at]);
      const header = document.createElement("th");
      header.append(Object.assign(document.createElement("button"), { type: "button", textContent: names[at], title: names[at] }));
      header.firstChild.dataset.sort = "";
      head.append(header);
      made.set(at, [header]);
      for (const [trial, row] of rows) {
        const value = known.get(trial)?.values[place] ?? "";
        const cell = Object.assign(row.insertCell(), { textContent: short(value) });
        cell.dataset.key = value;
        made.get(at).push(cell);
      }
    }
    for (const cell of made.get(at)) cell.hidden = !state.columns.has(at);
  }

  // A reader's choices: columns of the page that are left out, and others that are shown.
  function showColumns() {
    if (!head) return;
    shownNames.forEach((_, at) => {
      const off = state.columns.has(at);
      for (const row of [head, ...rows.values()]) if (row.children[at].hidden !== off) row.children[at].hidden = off;
    });
    names.forEach((_, at) => { if (at >= shownNames.length && (made.has(at) || state.columns.has(at))) show(at); });
    for (const box of document.querySelectorAll("[data-column]")) box.checked = state.columns.has(Number(box.dataset.column)) === Number(box.dataset.column) >= shownNames.length;
  }

  function chooser() {
    const list = document.querySelector("[data-columns]");
    if (!list || !head) return;
    names.forEach((name, at) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox" });
      box.dataset.column = String(at);
      label.append(box, ` ${name}`);
      list.append(label);
    });
  }

  function save() {
    const quoted = (value) => (/[",\n\r]/.test(String(value ?? "")) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));
    const order = Array.from(rows.entries()).filter(([trial]) => !hidden.has(trial)).sort(([, a], [, b]) => a.rowIndex - b.rowIndex);
    const lines = [columns, ...order.map(([trial]) => known.get(trial).values)].map((line) => line.map(quoted).join(","));
    const link = document.createElement("a");
    link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(`${lines.join("\r\n")}\r\n`)}`;
    link.download = "trials.csv";
    link.click();
  }

  async function picture(id) {
    if (!views.has(id)) return;
    const link = document.createElement("a");
    link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(await views.get(id).background(colours().paper).toSVG())}`;
    link.download = `${page.study}-${id.replace(/^chart-/, "")}.svg`;
    link.click();
  }

  function sort(at, direction) {
    const header = head?.children[at];
    if (!header) return;
    const body = header.closest("table").tBodies[0];
    for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    const key = (row) => row.children[header.cellIndex].dataset.key ?? row.children[header.cellIndex].textContent;
    const numeric = !header.classList.contains("text");
    const before = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return direction * (numeric && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y, undefined, { numeric: true }));
    };
    body.append(...Array.from(body.rows).sort(before));
    state.sort = [at, direction];
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

  // The address keeps what a reader chose, so that a link shows it ---------------------------------------------------------
  let ready = false;

  function remember() {
    if (!ready) return;
    const kept = new URLSearchParams();
    if (state.trial !== NOBODY) kept.set("trial", chosen().join("."));
    if (state.find) kept.set("find", state.find);
    if (state.arms.size) kept.set("off", [...state.arms].join("."));
    if (state.columns.size) kept.set("without", [...state.columns].join("."));
    if (state.sort) kept.set("sort", state.sort.join("."));
    if (state.brushes.size) kept.set("brush", Array.from(state.brushes, ([x, ends]) => [x, ...ends.map((u) => u.toFixed(3))].join("_")).join("."));
    for (const [id, ends] of state.zooms) kept.set(`zoom-${id}`, ends.map((end) => end.toPrecision(6)).join("_"));
    for (const [name, value] of Object.entries(state.controls)) if (value && value !== "0" && value !== "best") kept.set(`c-${name}`, value);
    const address = kept.toString() ? `#${kept}` : "#";
    if (address !== (window.location.hash || "#")) window.history.replaceState(null, "", address);
  }

  function recall() {
    const hash = window.location.hash.slice(1);
    if (!hash.includes("=")) return;
    const kept = new URLSearchParams(hash);
    const whole = (text) => (text ?? "").split(".").filter(Boolean).map(Number).filter(Number.isInteger);
    state.find = kept.get("find") ?? "";
    state.arms = new Set(whole(kept.get("off")));
    state.columns = new Set(whole(kept.get("without")));
    showColumns();
    if (kept.has("sort")) sort(...kept.get("sort").split(".").map(Number));
    for (const part of (kept.get("brush") ?? "").split(/\.(?=\d+_)/).filter(Boolean)) {
      const [axis, low, high] = part.split("_").map(Number);
      if ([axis, low, high].every(Number.isFinite)) state.brushes.set(axis, [low, high]);
    }
    for (const [name, value] of kept) {
      const ends = value.split("_").map(Number);
      if (name.startsWith("zoom-") && ends.length === 4 && ends.every(Number.isFinite)) state.zooms.set(name.slice(5), ends);
    }
    for (const [name, value] of kept) if (name.startsWith("c-")) state.controls[name.slice(2)] = value === "true" ? true : value;
    if (find) find.value = state.find;
    for (const input of document.querySelectorAll("[data-control]")) {
      const value = state.controls[input.dataset.control];
      if (value !== undefined) input[input.type === "checkbox" ? "checked" : "value"] = value;
    }
    const [first, ...more] = whole(kept.get("trial"));
    state.trial = first ?? NOBODY;
    state.also = new Set(more);
  }

  // What a reader does -----------------------------------------------------------------------------------------------------
  const repaint = (shades) => views.forEach((view) => { paint(view, shades); view.run(); });
  on(dark, "change", () => repaint(colours()));
  const folded = new Set();
  // On paper, charts are drawn as wide as they have room there, so that their text keeps its size.
  const PAPER = 660, COLUMN = 315;
  const narrowed = new Set();
  on(window, "beforeprint", () => {
    repaint(page.light);
    for (const [id, view] of views) {
      const place = document.getElementById(id);
      const room = place.closest(".grid.wide") ? COLUMN : PAPER;
      if (place.clientWidth <= room) continue;
      narrowed.add(id);
      view.width(room).run();
    }
    for (const link of document.querySelectorAll("a[data-file]")) link.removeAttribute("href");
    for (const fold of document.querySelectorAll("details:not([open])")) { folded.add(fold); fold.open = true; }
  });
  on(window, "afterprint", () => {
    repaint(colours());
    for (const id of narrowed) views.get(id)?.width(document.getElementById(id).clientWidth).run();
    narrowed.clear();
    linkLogs();
    for (const fold of folded) fold.open = false;
    folded.clear();
  });
  on(document, "click", (event) => {
    const button = event.target.closest("button");
    const row = event.target.closest("tr[data-trial]");
    const link = event.target.closest("a[href^='#']");
    if (link) {
      event.preventDefault();
      document.getElementById(link.getAttribute("href").slice(1))?.scrollIntoView();
    } else if (button?.dataset.copy !== undefined) copy(button);
    else if (button?.dataset.sort !== undefined) {
      const header = button.closest("th");
      sort(header.cellIndex, header.getAttribute("aria-sort") === "ascending" ? -1 : 1);
      remember();
    }
    else if (button?.dataset.clear !== undefined) choose(NOBODY);
    else if (button?.dataset.add !== undefined) add(!state.adding);
    else if (button?.dataset.save !== undefined) save();
    else if (button?.dataset.picture !== undefined) picture(button.dataset.picture);
    else if (button?.dataset.arm !== undefined) {
      const arm = Number(button.dataset.arm);
      state.arms.has(arm) ? state.arms.delete(arm) : state.arms.add(arm);
      left();
    } else if (row && !event.target.closest("a")) press(Number(row.dataset.trial), event);
  });
  on(document, "input", (event) => {
    const { control: name, column, find: isFind } = event.target.dataset;
    if (isFind !== undefined) { state.find = event.target.value; left(); }
    if (column !== undefined) {
      const toggled = event.target.checked === Number(column) >= shownNames.length;
      toggled ? state.columns.add(Number(column)) : state.columns.delete(Number(column));
      showColumns();
      remember();
    }
    if (name !== undefined) {
      state.controls[name] = event.target.type === "checkbox" ? event.target.checked : event.target.value;
      if (!["smooth", "which"].includes(name)) state.zooms.clear();
      drawCurves();
      drawTradeoff();
      drawPair();
      remember();
    }
  });
  on(document, "keydown", (event) => {
    if (event.key === "Escape") {
      const more = state.brushes.size || state.arms.size || state.find || state.zooms.size;
      state.brushes.clear();
      state.zooms.clear();
      state.arms.clear();
      state.find = "";
      if (find) find.value = "";
      choose(NOBODY);
      if (more) { showBrushes(); left(); }
    }
    const row = event.target.closest?.("tr[data-trial]");
    if (row && event.key === "Enter" && event.target === row) press(Number(row.dataset.trial), event);
  });
  function close() {
    ended.abort();
    views.forEach((view) => view.finalize());
    delete document.documentElement.dataset.ready;
    delete document.documentElement.dataset.drawn;
  }

  chooser();
  recall();
  showColumns();
  left();
  choose(...chosen());
  ready = true;
  // What is on the first screen is drawn at once, and all else while nothing else is to be done.
  const near = ({ id }) => document.getElementById(id).getBoundingClientRect().top < 1.5 * window.innerHeight;
  const first = page.charts.filter(near);
  const later = page.charts.filter((chart) => !first.includes(chart));
  const idle = () => new Promise((done) => { (window.requestIdleCallback ?? window.setTimeout)(done, { timeout: 200 }); });
  Promise.all(first.map(draw)).then(async () => {
    if (!ended.signal.aborted) document.documentElement.dataset.ready = "true";
    for (const chart of later) {
      if (ended.signal.aborted) return;
      await idle();
      await draw(chart);
    }
    if (!ended.signal.aborted) document.documentElement.dataset.drawn = "true";
  });
  return { views, choose, state, hidden, left, close };
}
window.playbookReport = document.getElementById("page-data") ? openReport() : null;
