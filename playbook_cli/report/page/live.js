"use strict";
// Asks the server how the study is going, and puts a newer report in place of the shown one, under the reader's eyes:
// what was chosen is in the address; scroll, folds, focus and the shown pictures are carried over here.
(() => {
  const ASK = 1500, ASK_IDLE = 5000, CALM = 1200;
  const page = document.getElementById("page");
  const bar = document.getElementById("live");
  const [headline, note] = bar.querySelectorAll("p");
  const trials = bar.querySelector("ul");
  const titled = document.title;
  let shown = null, touched = 0, held = false, missed = 0, wait = null;

  // How it is going ----------------------------------------------------------------------------------------------------
  function tell(state) {
    bar.dataset.mode = state.mode;
    headline.querySelector("b").textContent = state.headline;
    headline.querySelector("span").textContent = state.text;
    document.title = state.progress ? `${state.progress} ${titled}` : titled;
    trials.replaceChildren(...state.trials.map(({ name, share, text }) => {
      const row = document.createElement("li");
      const progress = Object.assign(document.createElement("progress"), { max: 1, value: share });
      progress.setAttribute("aria-label", name);
      row.append(Object.assign(document.createElement("span"), { textContent: name }), progress, Object.assign(document.createElement("span"), { textContent: text }));
      return row;
    }));
  }

  function remark(state) {
    const at = state.built === null ? null : new Date(1000 * state.built).toLocaleTimeString();
    const old = at === null ? "Building the report ..." : `Report from ${at}.`;
    const text = state.note || (at !== null && state.stale ? `${old} Newer results are being analysed.` : old);
    if (note.textContent !== text) note.textContent = text;
  }

  // The report ---------------------------------------------------------------------------------------------------------
  const busy = () => held || Date.now() - touched < CALM || !window.getSelection().isCollapsed || document.activeElement?.tagName === "SELECT";

  const fold = (details) => [
    details.closest("section")?.id, details.closest(".finding")?.querySelector(".subject")?.textContent, details.className,
    details.closest(".controls") ? "controls" : "",
  ].join("|");

  function focused() {
    const own = document.activeElement;
    if (!own || !page.contains(own)) return null;
    const [name, value] = Object.entries(own.dataset)[0] ?? [];
    const nth = (all) => [...all].indexOf(own);
    const selector = name === undefined ? own.tagName : `[data-${name}="${CSS.escape(value)}"]`;
    return { selector, nth: nth(page.querySelectorAll(selector)), from: own.selectionStart ?? null, to: own.selectionEnd ?? null };
  }

  // What begins nearest to where the reader reads: it stays in its place, whatever grows above it.
  function anchor() {
    const tops = Array.from(page.querySelectorAll("section, .chart"), ({ id }) => ({ id, top: document.getElementById(id).getBoundingClientRect().top }));
    const far = ({ top }) => Math.abs(top - bar.offsetHeight);
    return tops.reduce((near, one) => (near === null || far(one) < far(near) ? one : near), null);
  }

  function replace(text) {
    const seen = anchor();
    const made = document.createElement("template");
    made.innerHTML = text;
    const open = new Set([...page.querySelectorAll("details[open]")].map(fold));
    for (const details of made.content.querySelectorAll("details")) details.open = open.has(fold(details));
    for (const place of made.content.querySelectorAll(".chart")) {
      const old = document.getElementById(place.id);
      if (!old) continue;
      place.style.minHeight = `${old.offsetHeight}px`;
      place.append(...old.childNodes);  // the old picture, until the new one is drawn
    }
    const inner = [...page.querySelectorAll(".scroll")].map((box) => [box.scrollTop, box.scrollLeft]);
    const focus = focused();
    window.playbookReport?.close();
    page.replaceChildren(made.content);
    if (document.getElementById("page-data")) window.playbookReport = window.openReport();
    page.querySelectorAll(".scroll").forEach((box, at) => { [box.scrollTop, box.scrollLeft] = inner[at] ?? [0, 0]; });
    const own = focus && page.querySelectorAll(focus.selector)[focus.nth];
    own?.focus({ preventScroll: true });
    if (own && focus.from !== null) own.setSelectionRange(focus.from, focus.to);
    const now = seen && window.scrollY > 0 ? document.getElementById(seen.id) : null;
    if (now) window.scrollBy({ top: now.getBoundingClientRect().top - seen.top, behavior: "instant" });
    document.documentElement.dataset.version = shown;
  }

  // Asking -------------------------------------------------------------------------------------------------------------
  async function ask(what) {
    const answer = await fetch(what, { cache: "no-cache" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  async function look() {
    window.clearTimeout(wait);
    let next = ASK;
    try {
      const state = await (await ask("state")).json();
      missed = 0;
      tell(state);
      if (state.mode !== "running") next = ASK_IDLE;
      if (state.version !== null && state.version !== shown && !busy()) {
        const answer = await ask("body");
        const [version, text] = [answer.headers.get("ETag").replace(/^W\/|"/g, ""), await answer.text()];
        if (!busy()) { shown = version; replace(text); }
      }
      if (state.version !== shown) next = ASK;
      remark(state);
    } catch {
      missed += 1;
      next = Math.min(ASK * 2 ** missed, 30000);
      bar.dataset.mode = "lost";
      note.textContent = "The server doesn't answer: playbook watch --web may have ended. This page no longer updates.";
    }
    if (!document.hidden) wait = window.setTimeout(look, next);
  }

  for (const kind of ["pointerdown", "keydown", "wheel", "touchmove", "input"]) {
    window.addEventListener(kind, () => { touched = Date.now(); if (kind === "pointerdown") held = true; }, { passive: true });
  }
  for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, () => { held = false; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  look();
})();
