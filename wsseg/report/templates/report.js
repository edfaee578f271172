"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  let addresses = [];
  const names = {
    photo: "Photo", overlay: "Overlay", errors: "Errors", saliency: "Saliency", seeds: "Seeds", mask: "Mask",
    truth: "Truth", labels: "Labels", instances: "Instances",
  };
  const GAP = 16, CAPTION = 5.25, FLAT = 3, OVERSCAN = 600, ALL = "all";

  // Text from a run is set as textContent; it is never parsed as HTML.
  const make = (tag, className = "", text = "", ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  };
  const swatch = (color) => {
    const [svg, rect] = ["svg", "rect"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    svg.setAttribute("class", "swatch");
    svg.setAttribute("viewBox", "0 0 10 10");
    for (const [name, value] of Object.entries({ width: 10, height: 10, fill: color })) rect.setAttribute(name, value);
    svg.append(rect);
    return svg;
  };
  const shown = (value, digits = 2) => (value === undefined ? "–" : value.toFixed(digits));
  const slug = (status) => (["ok", "unsure", "weak", "no object", "failed"].includes(status) ? status.replace(" ", "-") : "other");

  // Pictures: layers over the photo, or the reason why there is none.

  const LAYERS = { overlay: ["veil", "tint"], errors: ["errors"] };
  const CAUSES = { overlay: ["overlay", "mask", "labels"], errors: ["truth", "mask"] };

  const layers = (row, kind) => {
    const made = row.made || {}, layer = (LAYERS[kind] || []).find((each) => each in made);
    return (layer ? ["photo", layer] : [kind]).filter((each) => each in made);
  };
  const has = (row, kind) => layers(row, kind).length > 0;
  const missing = (row, kind) => {
    const cause = (CAUSES[kind] || [kind]).find((each) => row.lacking && each in row.lacking);
    if (cause) return row.lacking[cause];
    return row.error ? "the photo failed" : `not in this run; add it with ${data.flags[kind]}`;
  };
  const picture = (row, kind) => {
    const shot = make("span", "shot");
    for (const layer of addresses.length ? layers(row, kind) : []) {
      const image = make("img");
      image.alt = "";
      image.decoding = "async";
      image.src = data.base + addresses[row.made[layer]];
      shot.append(image);
    }
    if (!has(row, kind)) shot.append(make("span", "lack", missing(row, kind)));
    return shot;
  };

  // The order of the cards, and the filter.

  const collator = new Intl.Collator("en", { numeric: true });
  const iou = (row) => (row.scores ? row.scores.iou : undefined);
  const scored = data.rows.some((row) => row.scores);
  const quality = (row) => (scored ? iou(row) : row.confidence);
  const by = (value, sign) => (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
  };
  const orders = {
    worst: [scored ? "worst IoU first" : "least confident first", by(quality, 1)],
    best: [scored ? "best IoU first" : "most confident first", by(quality, -1)],
    ...(scored && {
      doubtful: ["least confident first", by((row) => row.confidence, 1)],
      sure: ["most confident first", by((row) => row.confidence, -1)],
    }),
    name: ["name", by((row) => row.name, 1)],
    category: ["category", by((row) => row.category, 1)],
    probable: ["probability, highest first", by((row) => row.probability, -1)],
    slow: ["time, longest first", by((row) => row.seconds, -1)],
  };
  for (const row of data.rows) {
    row.words = [row.name, row.category, row.error, ...(row.reasons || [])].filter(Boolean).join("\n").toLowerCase();
  }

  const REVIEW = "to review", MARKED = "marked";
  const isOf = (row, status) => {
    if (status === REVIEW) return row.review;
    if (status === MARKED) return marks.has(row.name);
    return status.startsWith("=") ? row.decision === status.slice(1) : row.status === status;
  };

  // Marks of a person, which the browser keeps for this page.

  const KEY = `wsseg-marks:${location.pathname}`;
  const marks = new Set();
  try { for (const name of JSON.parse(localStorage.getItem(KEY)) || []) marks.add(name); } catch { /* kept nowhere */ }
  const mark = (row) => {
    if (!marks.delete(row.name)) marks.add(row.name);
    try { localStorage.setItem(KEY, JSON.stringify([...marks])); } catch { /* only until the page is closed */ }
    showMarks();
  };
  const showMarks = () => {
    at("marks").hidden = !marks.size;
    at("marked").textContent = `${marks.size} marked`;
    if (rows[current]) at("mark").setAttribute("aria-pressed", marks.has(rows[current].name));
  };
  const copy = async (text, button) => {
    const done = (word) => { button.textContent = word; };
    try { await navigator.clipboard.writeText(text); done("Copied"); } catch {
      const area = make("textarea", "", text);
      button.after(area);
      area.select();
      done(document.execCommand("copy") ? "Copied" : "Not copied");
      area.remove();
    }
  };
  const matching = () => {
    const text = at("filter").value.trim().toLowerCase();
    const category = at("category").value, status = at("status").value;
    const found = data.rows.filter((row) =>
      row.words.includes(text) && (!category || row.category === category) && (!status || isOf(row, status)));
    const order = orders[at("order").value][1];
    return found.sort((one, other) => order(one, other) || collator.compare(one.name, other.name));
  };

  // The grid of cards.

  // Only the cards near the window are in the document, so that thousands of photos cost as little as dozens.
  const grid = at("grid");
  const cards = new Map();
  let rows = [], active = 0, layout = null;

  const measure = () => {
    const width = grid.clientWidth, all = at("show").value === ALL;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const least = Math.min(width, all ? width : Math.max(152, Math.min(240, width / 2 - GAP)));
    const gap = width < 640 ? 10 : GAP;
    const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
    const card = (width - gap * (columns - 1)) / columns;
    const across = all ? Math.max(1, Math.min(data.kinds.length, Math.floor(card / 110))) : 1;
    const height = Math.round((card / across) * 0.75) * (all ? Math.ceil(data.kinds.length / across) : 1);
    const flat = all && width >= 640;
    return { width, columns, card, gap, across, height: height + Math.round((flat ? FLAT : CAPTION) * rem), all, flat };
  };
  const offset = (index) => Math.floor(index / layout.columns) * (layout.height + layout.gap);

  const caption = (row) => {
    const category = row.category ? `${row.category} ${shown(row.probability)}` : row.error || "";
    const name = make("span", "title", row.name), seen = make("span", "category", category);
    const title = make("span", "line", "", name), figures = make("span", "line");
    if (marks.has(row.name)) title.append(make("span", "marked", "★"));
    if (row.status) title.append(make("span", `status ${iou(row) < 0.5 && row.status === "ok" ? "other" : slug(row.status)}`, row.status));
    if (iou(row) !== undefined) figures.append(make("span", "", `IoU ${shown(iou(row))}`));
    if (row.confidence !== undefined) figures.append(make("span", "quiet", `conf. ${shown(row.confidence)}`));
    name.title = row.input || row.name;
    seen.title = category;
    if (row.color) seen.prepend(swatch(row.color), " ");
    return make("span", layout.flat ? "caption flat" : "caption", "", title, seen, figures);
  };
  const card = (row, index) => {
    const item = make("li"), button = make("button", "card"), shots = make("span", "shots");
    const kinds = layout.all ? data.kinds : [at("show").value];
    shots.style.gridTemplateColumns = `repeat(${layout.across}, 1fr)`;
    for (const kind of kinds) {
      const shot = picture(row, kind);
      if (layout.all && has(row, kind)) shot.append(make("span", "name", names[kind]));
      shots.append(shot);
    }
    button.type = "button";
    button.append(shots, caption(row));
    button.tabIndex = index === active ? 0 : -1;
    button.addEventListener("click", () => openDetail(index));
    button.addEventListener("focus", () => activate(index));
    item.setAttribute("aria-setsize", rows.length);
    item.setAttribute("aria-posinset", index + 1);
    item.append(button);
    item.style.width = `${layout.card}px`;
    item.style.height = `${layout.height}px`;
    item.style.transform = `translate(${(index % layout.columns) * (layout.card + layout.gap)}px, ${offset(index)}px)`;
    return item;
  };

  const draw = () => {
    if (!rows.length) return;
    const top = -grid.getBoundingClientRect().top, step = layout.height + layout.gap;
    const first = Math.max(0, Math.floor((top - OVERSCAN) / step)) * layout.columns;
    const last = Math.min(rows.length, Math.ceil((top + innerHeight + OVERSCAN) / step) * layout.columns);
    const wanted = new Set([active]);
    for (let index = first; index < last; index += 1) wanted.add(index);
    for (const [index, item] of cards) {
      if (!wanted.has(index)) { item.remove(); cards.delete(index); }
    }
    // Cards keep their order in the document, for screen readers.
    for (const index of [...wanted].sort((a, b) => a - b)) {
      if (cards.has(index)) continue;
      const after = [...cards.keys()].filter((other) => other > index);
      const item = card(rows[index], index);
      grid.insertBefore(item, after.length ? cards.get(Math.min(...after)) : null);
      cards.set(index, item);
    }
  };

  const layOut = () => {
    layout = measure();
    cards.clear();
    grid.replaceChildren();
    grid.style.height = rows.length ? `${offset(rows.length - 1) + layout.height}px` : "";
    if (!rows.length) grid.append(make("li", "empty", "No photo matches the filter."));
    draw();
  };
  const refresh = () => {
    rows = matching();
    active = 0;
    at("count").textContent = `${rows.length} of ${data.rows.length} shown`;
    if (at("errors")) at("errors").hidden = !["errors", ALL].includes(at("show").value);
    layOut();
  };
  const activate = (index) => {
    const before = cards.get(active);
    if (before) before.firstChild.tabIndex = -1;
    active = index;
    const item = cards.get(index);
    if (item) item.firstChild.tabIndex = 0;
  };
  const focusOn = (index) => {
    activate(Math.max(0, Math.min(rows.length - 1, index)));
    const top = grid.getBoundingClientRect().top + offset(active);
    const tools = at("tools"), room = getComputedStyle(tools).position === "sticky" ? tools.offsetHeight : 0;
    if (top < room) scrollBy(0, top - room - GAP);
    else if (top + layout.height > innerHeight) scrollBy(0, top + layout.height - innerHeight + GAP);
    draw();
    activate(active);
    cards.get(active).firstChild.focus({ preventScroll: true });
  };

  grid.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -layout.columns, ArrowDown: layout.columns };
    const ends = { Home: 0, End: rows.length - 1 };
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    if (event.key in steps) {
      const index = active + steps[event.key];
      if (index >= 0 && index < rows.length) focusOn(index);
    } else if (event.key in ends) focusOn(ends[event.key]);
    else return;
    event.preventDefault();
  });

  // The detail: one photo with a divider between it and a picture.

  const detail = at("detail"), stage = at("stage"), slide = at("slide");
  let current = 0, over = "";

  // Left and right edge of the picture, as shares of the stage.
  const edges = () => {
    const image = stage.querySelector("img"), { width, height } = stage.getBoundingClientRect();
    if (!image || !image.naturalWidth) return [0, 1];
    const share = Math.min(1, (height * image.naturalWidth) / image.naturalHeight / width);
    return [(1 - share) / 2, (1 + share) / 2];
  };
  const divide = (percent) => {
    const [from, to] = edges();
    slide.value = percent;
    slide.style.marginLeft = `${100 * from}%`;
    slide.style.width = `${100 * (to - from)}%`;
    stage.style.setProperty("--cut", `${100 * (from + ((to - from) * slide.value) / 100)}%`);
  };
  const ZOOMS = [1, 2, 4, 8];
  const zoom = (factor) => {
    stage.dataset.zoom = factor;
    stage.style.setProperty("--zoom", factor);
    at("zoom").textContent = `Zoom ${factor}×`;
  };
  const showOver = (kind) => {
    const row = rows[current];
    const shot = picture(row, kind);
    over = kind;
    shot.classList.add("over");
    stage.replaceChildren(picture(row, "photo"), shot, make("span", "edge"));
    for (const image of stage.querySelectorAll("img")) image.addEventListener("load", () => divide(slide.value));
    at("over").textContent = names[kind];
    if (at("errors-over")) at("errors-over").hidden = kind !== "errors";
    for (const button of at("reel").children) button.setAttribute("aria-pressed", button.dataset.kind === kind);
  };
  const factsOf = (row) => {
    const list = make("dl");
    const add = (name, value, className = "") => {
      if (value) list.append(make("div", "", "", make("dt", "", name), make("dd", className, value)));
    };
    add("failed", row.error, "error");
    add("category", row.category);
    if (row.color) list.lastChild.lastChild.prepend(swatch(row.color), " ");
    if (row.probability !== undefined) add("probability", shown(row.probability));
    if (row.confidence !== undefined) add("confidence", shown(row.confidence));
    add("status", row.status);
    add("review", row.decision);
    for (const reason of row.reasons || []) add("reason", reason);
    for (const [name, value] of Object.entries(row.scores || {})) add({ iou: "IoU", mae: "mean absolute error" }[name] || name, shown(value, 4));
    if (row.seconds) add("seconds", shown(row.seconds));
    add("photo", row.input);
    if (row.link) {
      const link = make("a", "", row.input);
      link.href = row.link;
      list.lastChild.lastChild.replaceChildren(link);
    }
    return list;
  };
  const showDetail = () => {
    const row = rows[current];
    at("detail-name").textContent = row.name;
    at("place").textContent = `${current + 1} of ${rows.length}`;
    at("previous").disabled = current === 0;
    at("next").disabled = current === rows.length - 1;
    at("reel").replaceChildren(...data.kinds.filter((kind) => kind !== "photo").map((kind) => {
      const button = make("button", "", "", picture(row, kind), make("span", "label", names[kind]));
      button.type = "button";
      button.dataset.kind = kind;
      button.disabled = !has(row, kind);
      button.addEventListener("click", () => showOver(kind));
      return button;
    }));
    at("about").replaceChildren(factsOf(row));
    showMarks();
    showOver(over && has(row, over) ? over : data.kinds.slice(1).find((kind) => has(row, kind)) || data.kinds[1]);
  };
  const openDetail = (index) => {
    const seen = at("show").value;
    current = index;
    if (seen !== ALL && seen !== "photo") over = seen;
    showDetail();
    zoom(1);
    detail.showModal();
    divide(0);
    at("detail-name").focus();
  };
  const move = (step) => {
    const index = current + step;
    if (index < 0 || index >= rows.length) return;
    current = index;
    showDetail();
    if (document.activeElement === document.body || document.activeElement.disabled) at("detail-name").focus();
  };

  detail.addEventListener("keydown", (event) => {
    if (event.target === slide || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") move(-1);
    else if (event.key === "ArrowRight") move(1);
    else if (event.key === "m") mark(rows[current]);
    else if (event.key === "z") at("zoom").click();
    else return;
    event.preventDefault();
  });
  detail.addEventListener("close", () => { layOut(); focusOn(current); });
  detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); });
  at("zoom").addEventListener("click", () => zoom(ZOOMS[(ZOOMS.indexOf(Number(stage.dataset.zoom)) + 1) % ZOOMS.length]));
  at("mark").addEventListener("click", () => mark(rows[current]));
  at("copy-marked").addEventListener("click", () => copy([...marks].join("\n"), at("copy-marked")));
  at("copy-review").addEventListener("click", () => copy(at("review-command").textContent, at("copy-review")));
  at("close").addEventListener("click", () => detail.close());
  at("previous").addEventListener("click", () => move(-1));
  at("next").addEventListener("click", () => move(1));
  slide.addEventListener("input", () => divide(slide.value));
  const drag = (event) => {
    const box = stage.getBoundingClientRect(), [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    if (stage.dataset.zoom > 1) stage.style.setProperty("--at", `${100 * x}% ${100 * y}%`);
    else if (event.buttons) {
      const [from, to] = edges();
      divide((100 * (x - from)) / (to - from));
    }
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", drag);

  // The tools above the grid, and the page itself.

  const choices = (id, entries) => at(id).append(...entries.map(([value, text]) => {
    const option = make("option", "", text);
    option.value = value;
    return option;
  }));
  const counts = new Map(), marked = data.rows.filter((row) => row.review).length;
  const verdicts = new Map();
  for (const row of data.rows) if (row.decision) verdicts.set(row.decision, (verdicts.get(row.decision) || 0) + 1);
  for (const row of data.rows) if (row.status) counts.set(row.status, (counts.get(row.status) || 0) + 1);
  choices("status", [["", "all"], ...[...counts].map(([status, number]) => [status, `${status} (${number})`]),
    ...(marked ? [[REVIEW, `to review (${marked})`]] : []),
    ...[...verdicts].map(([verdict, number]) => [`=${verdict}`, `review: ${verdict} (${number})`]), [MARKED, "marked"]]);
  choices("order", Object.entries(orders).map(([value, [text]]) => [value, text]));
  choices("show", [...data.kinds.map((kind) => [kind, names[kind].toLowerCase()]), [ALL, "all pictures"]]);
  at("show").value = data.kinds.includes("overlay") ? "overlay" : data.kinds[1];

  at("tools").addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["filter", "category", "status", "order", "show"]) at(id).addEventListener("input", refresh);
  at("filter").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (at("filter").value) { at("filter").value = ""; refresh(); } else if (rows.length) focusOn(active);
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-category]");
    if (!button) return;
    at("category").value = button.dataset.category;
    refresh();
    at("tools").scrollIntoView();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input[type=search], select");
    if (event.key !== "/" || typing || detail.open || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    at("filter").focus();
    at("filter").select();
  });

  const theme = at("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  const markTheme = () => theme.setAttribute("aria-pressed", chosen() === "dark");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = chosen() === "dark" ? "light" : "dark";
    markTheme();
  });
  dark.addEventListener("change", markTheme);
  markTheme();

  addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  addEventListener("resize", () => requestAnimationFrame(() => (grid.clientWidth === layout.width ? draw() : layOut())));
  refresh();
  showMarks();
  performance.mark("wsseg-ready");

  // The pictures are most of the page and come last; the page can be used before they arrive.
  document.addEventListener("DOMContentLoaded", () => {
    addresses = JSON.parse(at("addresses").textContent);
    layOut();
  });
})();
