// The page: which photo is on the desk, what the keys do, and what is written.

import * as api from "./api.js";
import { Queue } from "./queue.js";
import { Strokes } from "./strokes.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const at = (id) => document.getElementById(id);
const view = new View(at("stage"), at("canvas"), at("loupe"));
const queue = new Queue(at("strip"), (number) => open(number));
const COUNTS = ["accepted", "corrected", "rejected", "no object", "left"];
const POLL = { work: 2000, done: 15000 };

let strokes = null, run = "", isActive = true, since = 0, saving = 0, visit = 0;
const visited = [], ready = new Map();

const say = (text) => { at("live").textContent = text; };
const complain = (text, button) => {
  at("notice").hidden = !text;
  at("notice").replaceChildren(text || "", ...(text && button ? [button] : []));
};
const failed = (error) => {
  if (error.name === "AbortError") return;
  if (error.status === 409) { lose(); return; }
  complain(error.message);
};

// Tabs: one works, the others are told so.

const lose = () => {
  isActive = false;
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Work in this tab" });
  button.addEventListener("click", () => take(true));
  complain("This review is open in another tab. Nothing is written from here.", button);
};
const take = async (force = false) => {
  if (await api.claim(force)) {
    isActive = true;
    complain("");
    if (strokes && queue.item) open(queue.current);
  } else lose();
};
addEventListener("pagehide", () => { if (isActive) api.leave(); });
addEventListener("beforeunload", (event) => { if (saving) event.preventDefault(); });

// The queue and its counts.

const count = (summary) => {
  at("counts").replaceChildren(...COUNTS.map((name) => {
    const box = document.createElement("div"), label = document.createElement("dt"), value = document.createElement("dd");
    label.textContent = name;
    value.textContent = summary.counts[name];
    box.append(label, value);
    return box;
  }));
  at("unseen").textContent = summary.unseen;
  at("accept-unseen").hidden = !summary.numbers.length;
  at("accept-unseen").onclick = () => { queue.only = new Set(summary.numbers); arrange(); };
  const { left } = summary.counts;
  at("end-title").textContent = left ? `The end of this list; ${left} left to review` : "Nothing is left";
  at("show-left").hidden = !left;
  at("calibrate-command").hidden = !summary.calibrates;
  at("end-counts").textContent = COUNTS.map((name) => `${summary.counts[name]} ${name}`).join(", ");
};
const poll = async () => {
  let next = POLL.done;
  try {
    const found = await api.queue();
    run = found.run;
    at("run").textContent = run;
    const quoted = `'${run.replaceAll("'", "'\\''")}'`;
    at("export-command").textContent = `wsseg export ${quoted} --accepted --to coco --out masks.json`;
    at("tune-command").textContent = `wsseg tune ${quoted} --out recipe.toml`;
    at("calibrate-command").textContent = `wsseg calibrate ${quoted}`;
    count(found.summary);
    const isNew = found.items.length !== queue.items.length, wasEnd = !at("end").hidden || queue.current < 0;
    queue.update(found.items);
    if (isNew && wasEnd) open(queue.list[0] ?? -1);
    else if (queue.current < 0) open(-1);
    if (found.state === "at work") next = POLL.work;
  } catch (error) { failed(error); }
  setTimeout(poll, next);
};

// One photo.

const prepared = (number) => {
  if (!ready.has(number)) {
    const parts = Promise.all([api.photo(number), api.mask(number), api.hints(number)]);
    parts.catch(() => ready.delete(number));
    ready.set(number, parts);
    for (const old of [...ready.keys()].slice(0, -4)) ready.delete(old);
  }
  return ready.get(number);
};
let seen = [];
const describe = (...now) => {
  const [status, confidence] = (seen = now);
  const { item } = queue, place = queue.list.indexOf(queue.current) + 1;
  at("name").textContent = item.name;
  const facts = [place ? `${place} of ${queue.list.length}` : "", item.verdict, status ?? item.status,
    (confidence ?? item.confidence) === null ? "" : `confidence ${(confidence ?? item.confidence).toFixed(2)}`,
    ...item.reasons.filter((reason) => !reason.startsWith("low confidence"))]; // The number is there already.
  at("facts").textContent = facts.filter(Boolean).join(" · ");
};
const open = async (number) => {
  const mine = ++visit;
  const isEnd = number < 0;
  at("end").hidden = !isEnd;
  at("desk").hidden = isEnd;
  queue.select(number);
  strokes = null;
  if (isEnd) { at("end").focus(); say(`${at("end-title").textContent}. ${at("end-counts").textContent}`); return; }
  if (visited.at(-1) !== number) visited.push(number);
  describe();
  at("busy").hidden = false;
  try {
    const [photo, mask, hints] = await prepared(number);
    if (mine !== visit) return;
    const { item } = queue;
    strokes = new Strokes(`${run}:${item.name}:${number}`);
    view.show(photo);
    view.setMask(mask);
    view.setSaved(hints);
    view.showSaved = strokes.isSaved;
    view.strokes = strokes.list;
    since = performance.now();
    at("target").placeholder = item.category;
    at("stage").focus({ preventScroll: true });
    say(`${item.name}, ${item.category}, ${item.verdict || item.status}. ${at("facts").textContent}`);
    refresh();
    if (strokes.isTouched) recut();
    const classes = await api.classes(number);
    if (mine !== visit) return;
    at("classes").replaceChildren(...classes.map(({ category, probability }) =>
      Object.assign(document.createElement("option"), { value: category, label: `${category} ${probability.toFixed(2)}` })));
    at("stage").dataset.ready = number;
    at("busy").hidden = true;
    const next = queue.after();
    if (next >= 0 && next !== number) { await prepared(next); await api.classes(next); }
  } catch (error) { if (mine === visit) failed(error); } finally { if (mine === visit) at("busy").hidden = true; }
};

// The mask follows the strokes: one cut at a time, always of the latest.

let isCutting = false, isStale = false;
const recut = async () => {
  isStale = true;
  if (isCutting || !strokes) return;
  isCutting = true;
  while (isStale && strokes) {
    isStale = false;
    const mine = visit, theirs = strokes, asked = theirs.at;
    try {
      at("stage").dataset.cutting = "true";
      const found = await api.cut(queue.current, theirs.work);
      if (mine !== visit) continue;
      view.setMask(found.image);
      describe(found.status, found.confidence);
      complain("");
    } catch (error) {
      if (mine === visit && error.status === 422 && theirs.at === asked && theirs.undo()) { theirs.past.length = theirs.at + 1; refresh(); }
      if (mine === visit) { failed(error); say(error.message); }
    }
  }
  isCutting = false;
  delete at("stage").dataset.cutting;
  at("stage").dataset.cuts = Number(at("stage").dataset.cuts || 0) + 1;
};
const changed = (text) => {
  refresh();
  say(text);
  recut();
};
const refresh = () => {
  if (strokes) { view.strokes = strokes.list; view.showSaved = strokes.isSaved; at("target").value = strokes.target; }
  at("undo").disabled = !strokes?.canUndo;
  at("redo").disabled = !strokes?.canRedo;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === tools.tool);
  at("label").replaceChildren(tools.label ? "Adds to the object " : "Adds to the background ", Object.assign(document.createElement("kbd"), { textContent: "X" }));
  at("size").value = tools.size;
  view.brush = tools.tool === "brush" || tools.tool === "eraser" ? tools.size : 0;
  view.draw();
};
const tools = new Tools(view, {
  done: (stroke) => {
    if (!strokes || !isActive) return;
    strokes.add(stroke);
    changed(`${{ point: "click", brush: "stroke", eraser: "eraser", box: "box" }[stroke.kind]} ${stroke.label ? "on the object" : "on the background"}`);
  },
  changed: () => { refresh(); say(`${tools.tool}, ${tools.label ? "object" : "background"}, size ${tools.size}`); },
});

// Decisions.

const decide = async (verdict) => {
  if (!strokes || !isActive) return;
  const number = queue.current, { item } = queue, own = strokes, next = queue.after();
  const decision = { verdict, ...own.work, anew: own.isTouched, seconds: (performance.now() - since) / 1000, at_random: queue.isRandom };
  saving += 1;
  at("saved").textContent = `saving ${item.name}`;
  const writing = api.decide(number, decision);
  open(queue.show === "left" || next !== number ? next : number);
  try {
    const found = await writing;
    own.forget();
    ready.delete(number);
    queue.change(found.item);
    if (queue.item && strokes) describe(...seen);
    count(found.summary);
    at("saved").textContent = `saved: ${item.name}, ${found.item.verdict}`;
    at("saved").dataset.number = number;
    say(`${item.name} ${found.item.verdict}. ${found.summary.counts.left} left. ${queue.item ? `Now ${queue.item.name}.` : ""}`);
  } catch (error) {
    at("saved").textContent = `not saved: ${item.name}`;
    failed(error);
    open(number);
  } finally { saving -= 1; }
};
const skip = () => { if (queue.item) { say(`${queue.item.name} skipped`); open(queue.after()); } };
const back = () => {
  if (queue.current >= 0) visited.pop();
  if (visited.length) open(visited.at(-1));
};
const undo = () => { if (strokes?.undo()) changed("undone"); };
const redo = () => { if (strokes?.redo()) changed("done again"); };
const clear = () => { if (strokes) { strokes.clear(); changed("all hints removed"); } };
const retarget = () => {
  if (!strokes || at("target").value === strokes.target) return;
  strokes.retarget(at("target").value);
  changed(`target ${strokes.target || "of the run"}`);
};

// Keys.

const LOOKS = ["overlay", "outline", "cutout", "bare"];
const look = (value) => { view.look = value; at("look").value = value; view.draw(); say(`view: ${at("look").selectedOptions[0].text}`); };
const loupe = () => { view.isLoupe = !view.isLoupe; at("loupe-on").setAttribute("aria-pressed", view.isLoupe); view.draw(); };
const zoom = (factor) => view.zoomAt(at("stage").clientWidth / 2, at("stage").clientHeight / 2, factor);
const KEYS = [
  ["Enter", "accept", () => decide("accepted")],
  ["r", "reject", () => decide("rejected")],
  ["n", "there is no object", () => decide("no object")],
  ["s", "skip", skip],
  ["b", "back to the photo before", back],
  ["1", "click", () => tools.choose("point")],
  ["2", "brush", () => tools.choose("brush")],
  ["3", "erase hints", () => tools.choose("eraser")],
  ["4", "box", () => tools.choose("box")],
  ["x", "swap object and background", () => tools.swap()],
  ["[", "smaller brush", () => tools.resize(tools.size / 1.25 - 0.5)],
  ["]", "larger brush", () => tools.resize(tools.size * 1.25 + 0.5)],
  ["a", "add the crosshair to the object", () => tools.put(1)],
  ["d", "add the crosshair to the background", () => tools.put(0)],
  ["e", "erase hints at the crosshair", () => tools.erase()],
  ["Delete", "start over", clear],
  ["f", "fit the photo", () => view.fit()],
  ["+", "zoom in", () => zoom(1.5)],
  ["-", "zoom out", () => zoom(1 / 1.5)],
  ["0", "one pixel of the photo for one of the screen", () => zoom(1 / view.zoom)],
  ["o", "next view: overlay, outline, cut-out, photo", () => look(LOOKS[(LOOKS.indexOf(view.look) + 1) % LOOKS.length])],
  ["l", "loupe", loupe],
  ["t", "choose another target", () => at("target").focus()],
  ["/", "filter the queue", () => at("filter").focus()],
  ["?", "these keys", () => at("help").showModal()],
];
const OTHERS = [["arrows", "move the crosshair, faster with Shift"], ["v", "hold to see the photo bare"], ["space", "hold to drag the photo"],
  ["Ctrl Z, Ctrl Y", "undo, redo"], ["right click", "the other label; also Ctrl, Alt or ⌘ with a click"], ["wheel, pinch", "zoom"]];
const keys = new Map(KEYS.map(([key, , act]) => [key, act]));
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
at("keys").replaceChildren(...[...KEYS, ...OTHERS].map(([key, text]) => {
  const row = document.createElement("div"), names = document.createElement("span"), meaning = document.createElement("span");
  names.append(Object.assign(document.createElement("kbd"), { textContent: key.length === 1 ? key.toUpperCase() : key }));
  meaning.textContent = text;
  row.append(names, meaning);
  return row;
}));

addEventListener("keydown", (event) => {
  const { target } = event, isTyping = target.matches("input[type=search], #target"), onControl = target.closest("button, select, input, summary");
  if (at("help").open) return;
  if (event.key === "Escape") { event.preventDefault(); tools.drop(); at("stage").focus(); return; }
  if (target === at("target") && event.key === "Enter") { event.preventDefault(); retarget(); at("stage").focus(); return; }
  if (isTyping || event.isComposing) return;
  const isCommand = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (isCommand && key === "z") { event.preventDefault(); if (event.shiftKey) redo(); else undo(); return; }
  if (isCommand && key === "y") { event.preventDefault(); redo(); return; }
  if (isCommand || event.altKey) return;
  if (onControl && ["Enter", " ", ...Object.keys(ARROWS)].includes(key)) return;
  if (target.matches("select")) return;
  if (key === " ") { event.preventDefault(); tools.isSpace = true; return; }
  if (key === "v") { view.isBare = true; view.draw(); return; }
  if (key in ARROWS) { event.preventDefault(); tools.step(...ARROWS[key], event.shiftKey); return; }
  if (event.repeat && !["[", "]", "+", "-"].includes(key)) return;
  const act = keys.get(key === "=" ? "+" : key);
  if (act) { event.preventDefault(); act(); }
});
addEventListener("keyup", (event) => {
  if (event.key === " ") tools.isSpace = false;
  if (event.key.toLowerCase() === "v") { view.isBare = false; view.draw(); }
});
addEventListener("blur", () => { tools.isSpace = false; view.isBare = false; view.draw(); });

// Controls. After a click the keys belong to the photo again.

const press = (id, act) => at(id).addEventListener("click", (event) => { act(); if (event.detail) at("stage").focus({ preventScroll: true }); });
for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", (event) => { tools.choose(button.dataset.tool); if (event.detail) at("stage").focus({ preventScroll: true }); });
}
const BUTTONS = { label: () => tools.swap(), undo, redo, clear, fit: () => view.fit(), "loupe-on": loupe, back, skip,
  accept: () => decide("accepted"), reject: () => decide("rejected"), none: () => decide("no object") };
for (const [id, act] of Object.entries(BUTTONS)) press(id, act);
at("help-open").addEventListener("click", () => at("help").showModal());
at("size").addEventListener("input", () => tools.resize(Number(at("size").value)));
at("look").addEventListener("input", () => look(at("look").value));
at("opacity").addEventListener("input", () => { view.opacity = Number(at("opacity").value) / 100; view.draw(); });
at("color").addEventListener("input", () => { view.color = at("color").value; view.draw(); });
at("target").addEventListener("change", retarget);
at("filters").addEventListener("submit", (event) => event.preventDefault());
const arrange = async () => {
  Object.assign(queue, { order: at("order").value, show: at("show").value, text: at("filter").value.trim() });
  if (queue.order === "size") try { queue.sizes = await api.sizes(); } catch (error) { failed(error); }
  queue.arrange();
  if (!queue.list.includes(queue.current)) open(queue.list[0] ?? -1);
  else queue.select(queue.current);
};
for (const id of ["order", "show", "filter"]) at(id).addEventListener("input", () => { queue.only = null; arrange(); });
at("order").addEventListener("change", () => { if (queue.list.length) open(queue.list[0]); });
for (const [id, show] of [["show-all", "all"], ["show-left", "left"]]) {
  at(id).addEventListener("click", () => { at("show").value = show; at("filter").value = ""; queue.only = null; arrange(); });
}

// Pixels of a large photo are fetched when they can be seen.

let fetching = -1;
setInterval(async () => {
  const { photo } = view, number = queue.current;
  if (!photo || view.sharp || fetching === number || view.zoom * photo.width < photo.image.width * 1.2 || photo.image.width === photo.width) return;
  fetching = number;
  try {
    const sharp = await api.full(number);
    if (view.photo === photo) { view.sharp = sharp; view.draw(); }
  } catch (error) { failed(error); } finally { fetching = -1; }
}, 250);

refresh();
await take().catch(failed);
poll();
window.wssegView = view; // For those who measure the page.
performance.mark("wsseg-ready");
