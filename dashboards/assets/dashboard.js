// The page in the browser: its theme, the polls for changes, and the actions of the reader.
(() => {
  const dash = () => window.dash_clientside;

  // An event as an action; undefined if the reader did not cause it: a figure or a table was drawn or
  // resized.
  const action = ({ prop_id, value }) => {
    const dot = prop_id.lastIndexOf(".");
    const [id, property] = [prop_id.slice(0, dot), prop_id.slice(dot + 1)];
    if (id === "all-trials") return value ? { type: "brushed", box: null } : undefined;
    if (property === "n_clicks") return value ? JSON.parse(id) : undefined;
    if (property === "clickData") {
      const { customdata: number, x, y, z } = (value && value.points[0]) || {};
      if (z !== undefined) return { type: "near", at: [x, y] }; // a cell of a density
      if (number === undefined || number === null) return undefined;
      if (typeof number === "number" && shift) return void pin(number);
      if (typeof number === "number") return { type: "row", number };
      const [study, trial] = number.split("#"); // of another study in the figure
      return { type: "row", study, number: Number(trial) };
    }
    if (property === "selectedData") {
      const { x, y } = (value && value.range) || {};
      return x && y ? { type: "brushed", box: [...x, ...y] } : value ? undefined : { type: "brushed", box: null };
    }
    const line = Object.keys(value || {}).find((name) => name.endsWith("].x0"));
    return line && { type: "moved", at: Number(value[line]) };
  };

  // The state of the page. Pins change at once in the browser: the address, the rings in the front
  // and the marks in the table; the server then sends the comparison.
  const page = { state: null };
  const MOST_PINNED = 4;
  const pinned = () => (page.state && page.state.compared) || [];

  const pin = (number) => {
    const rest = pinned().filter((other) => other !== number);
    const found = rest.length < pinned().length ? rest : [...rest, number].slice(-MOST_PINNED);
    page.state = { ...page.state, compared: found };
    const search = new URLSearchParams(location.search);
    search.delete("compare");
    for (const each of found) search.append("compare", each);
    const words = search.toString().replaceAll("%2C", ",");
    mark();
    ring();
    dash().set_props("state", { data: page.state });
    dash().set_props("url", { search: words && `?${words}` });
  };

  // The rows of the chosen and the pinned trials, and the buttons that pin.
  const mark = () => {
    const { trial } = page.state || {};
    for (const row of document.querySelectorAll("#table tbody tr"))
      row.classList.toggle("chosen", row.id === `trial-${trial}`);
    for (const button of document.querySelectorAll("[data-pin]")) {
      const on = pinned().includes(Number(button.dataset.pin));
      button.setAttribute("aria-pressed", on);
      button.closest("#table tr")?.classList.toggle("pinned", on);
    }
  };

  // The numbers of an array of a figure, which Dash sends as bytes in base64.
  const TYPES = {
    f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array,
    u4: Uint32Array, u2: Uint16Array, u1: Uint8Array,
  };
  const numbersOf = (array) => {
    if (!array.bdata) return array;
    const bytes = Uint8Array.from(atob(array.bdata), (letter) => letter.charCodeAt(0));
    return new TYPES[array.dtype](bytes.buffer);
  };

  // The rings around the chosen and the pinned points, if all of them are drawn as points.
  const ring = () => {
    const figure = document.querySelector("#front .js-plotly-plot");
    if (!figure || !figure.data || !window.Plotly) return;
    const numbers = [...new Set([...pinned(), page.state.trial])].filter((each) => each !== null);
    const places = numbers.map((number) => {
      for (const { customdata, x, y } of figure.data.slice(1)) {
        const at = customdata ? customdata.indexOf(number) : -1;
        if (at >= 0) return [numbersOf(x)[at], numbersOf(y)[at]];
      }
    });
    if (!places.every(Boolean)) return;
    const ends = (axis) => [places.map((place) => place[axis])];
    window.Plotly.restyle(figure, { x: ends(0), y: ends(1) }, [0]);
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-pin]");
    if (button && page.state) pin(Number(button.dataset.pin));
  });
  let shift = false; // Dash does not report the keys that were held at a click on a point
  document.addEventListener("mousedown", (event) => { shift = event.shiftKey; }, true);

  // The theme that the reader chose, at first from the address. The style sheet has the dark colours
  // for systems with a dark theme.
  const asked = new URLSearchParams(location.search).get("theme");
  const theme = { chosen: ["light", "dark"].includes(asked) ? asked : "system" };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const nights = [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule.media && rule.media.mediaText === system.media);
  const paint = () => {
    const { chosen } = theme;
    const media = { light: "not all", dark: "all", system: system.media }[chosen];
    for (const rule of nights) rule.media.mediaText = media;
    document.documentElement.style.colorScheme = chosen === "system" ? "" : chosen;
    const home = document.getElementById("home");
    if (home) home.href = chosen === "system" ? "/" : `/?theme=${chosen}`;
  };
  paint();
  // At once: Dash calls `look` after the address has changed.
  document.addEventListener("change", ({ target: { name, value } }) => {
    if (name !== "theme") return;
    theme.chosen = value;
    paint();
  }, true);

  // The address that the server printed has the key that lets this tab change studies. Dash then
  // removes it from the address, so that a reader can send the address to others.
  const key = new URLSearchParams(location.search).get("key");
  if (key) sessionStorage.setItem("nas-key", key);

  // The cards in or near the visible part of the page. The data of a poll are drawn only there; the
  // other cards are drawn once, and again when they come into view.
  const near = new Set();
  const given = {};
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      near[isIntersecting ? "add" : "delete"](target.id);
    dash().set_props("near", { data: [...near] });
  }, { rootMargin: "300px" });
  const watch = () => {
    for (const card of document.querySelectorAll("#study-page .card:not([data-watched])")) {
      card.dataset.watched = "";
      observer.observe(card);
    }
  };

  const view = ({ study, drawn: { look, hidden, top, box, with: others } }) =>
    JSON.stringify([study, look, hidden, top, box, others.map(([name]) => name)]);

  // The number of ticks since the last change of the shown study.
  const quiet = { ticks: 0, seen: null };

  // The number of ticks between two polls: more while nothing changes, and most after the study has
  // ended.
  const pause = (seen) => {
    quiet.ticks = seen === quiet.seen ? quiet.ticks + 1 : 0;
    quiet.seen = seen;
    return seen && seen.over ? 8 : quiet.ticks < 24 ? 1 : quiet.ticks < 96 ? 2 : 4;
  };

  const nas = {
    // A hidden page does not poll. The list of studies, and whether the page exists, are read while
    // no study is drawn, and less often otherwise.
    look: (ticks, chosen, known, seen, state) => {
      if (chosen) theme.chosen = chosen;
      paint();
      watch();
      const look = {
        dark: theme.chosen === "system" ? system.matches : theme.chosen === "dark",
        narrow: matchMedia("(max-width: 560px)").matches,
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      };
      const same = known && Object.keys(look).every((name) => known[name] === look[name]);
      const now = ticks || 0;
      const due = !document.hidden && now % pause(seen) === 0;
      const drawn = seen && state && seen.study === state.study;
      const called = due && (!drawn || now % 8 === 0);
      return [same ? dash().no_update : look, due ? now : dash().no_update, called ? now : dash().no_update];
    },
    // The read data, for each card to draw; and the time if a figure that the last poll left out has
    // come into view.
    gate: (seen, visible, cards) => {
      const passed = cards.map(({ name, of }) => {
        const known = given[name];
        if (!seen || known === seen) return dash().no_update;
        const asked = !known || view(known) !== view(seen); // by the reader, not by a poll
        if (!asked && !of.some((id) => near.has(id))) return dash().no_update;
        given[name] = seen;
        return seen;
      });
      const due = seen && seen.stale.some((name) => near.has(`${name}-card`));
      return [...passed, due ? Date.now() : dash().no_update];
    },
    // The click is reset, so that the same point can be clicked again. The time makes actions differ.
    action: () => {
      const found = dash().callback_context.triggered.map(action).find(Boolean);
      if (!found) return [dash().no_update, null, dash().no_update];
      return [{ ...found, time: Date.now() }, null, null];
    },
    // The visible part of the front, as the ranges of its axes, and the figure that it belongs to.
    window: (changed) => {
      if (!Object.keys(changed || {}).some((name) => /^[xy]axis\./.test(name)))
        return dash().no_update;
      const { xaxis, yaxis, uirevision } = document.querySelector("#front .js-plotly-plot").layout;
      return { of: uirevision, ends: [...xaxis.range, ...yaxis.range] };
    },
    // Marks the chosen and pinned trials; tables are in the document only after this call.
    mark: (state) => {
      page.state = state;
      setTimeout(mark);
    },
    // Opens the dialog that renames or deletes a study, or closes it.
    change: () => {
      const dialog = document.getElementById("change");
      const pressed = dash().callback_context.triggered.find(({ value }) => value);
      if (!pressed) return dash().no_update; // the buttons were only redrawn
      if (pressed.prop_id.startsWith("close-change.")) dialog.close();
      if (!pressed.prop_id.startsWith("{")) return dash().no_update;
      const { name: study } = JSON.parse(pressed.prop_id.replace(/\.n_clicks$/, ""));
      dialog.showModal();
      return { study, key: sessionStorage.getItem("nas-key"), time: Date.now() };
    },
    // The trial whose layers are requested: the chosen one, once the reader has opened the table.
    layers: (open, state, known) => {
      const trial = state && state.trial !== null && { study: state.study, trial: state.trial };
      const same = known && trial && known.study === trial.study && known.trial === trial.trial;
      return [open && trial && !same ? trial : dash().no_update, !trial];
    },
    // A row for each layer, made here: Dash takes seconds for thousands of cells.
    draw_layers: ({ head, rows }) => {
      const made = (tag, inside) => {
        const element = document.createElement(tag);
        element.append(...inside);
        return element;
      };
      const row = (tag, cells) => made("tr", cells.map((text) => made(tag, [text])));
      const body = rows.map((cells) => row("td", cells));
      const table = made("table", [made("thead", [row("th", head)]), made("tbody", body)]);
      for (const heading of table.tHead.rows[0].cells) heading.scope = "col";
      table.className = "stages";
      document.getElementById("layer-table").replaceChildren(table);
    },
  };
  window.dash_clientside = Object.assign({}, dash(), { nas });
  // Dash does not report that a part was opened.
  const opened = ({ target: { id, open } }) =>
    id === "layers" && dash().set_props("layers-open", { data: open });
  document.addEventListener("toggle", opened, true);

  // Dash hides an input that takes the focus from screen readers, and calls labels of check boxes
  // the options of a list. Both are faults by the rules of ARIA; these attributes correct them.
  const correct = () => {
    for (const input of document.querySelectorAll(".dash-dropdown-focus-target[aria-hidden]"))
      input.removeAttribute("aria-hidden");
    document.getElementById("theme")?.setAttribute("aria-label", "Theme");
    for (const list of document.querySelectorAll(".dash-checklist, .dash-radioitems")) {
      list.setAttribute("role", list.id === "theme" ? "radiogroup" : "group");
      for (const label of list.querySelectorAll("label[role], label[aria-selected]")) {
        label.removeAttribute("role");
        label.removeAttribute("aria-selected");
      }
    }
  };
  new MutationObserver(correct).observe(document, {
    childList: true, subtree: true, attributeFilter: ["aria-selected"],
  });
})();
