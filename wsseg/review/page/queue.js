// The masks of the run in an order, some of them filtered out, and the strip of thumbnails.

import * as api from "./api.js";

const STEP = 68, WIDE = 160, AHEAD = 4;

// A number for each name that has nothing to do with the photo, so that an order by it is a random draw.
const chance = (text) => {
  let hash = 2166136261;
  for (const sign of text) hash = Math.imul(hash ^ sign.codePointAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return (hash ^ (hash >>> 13)) >>> 0;
};
const collator = new Intl.Collator("en", { numeric: true });
const byName = (one, other) => collator.compare(one.name, other.name) || one.number - other.number;
const trust = (item) => (item.status === "no object" || item.confidence === null ? -1 : item.confidence);

export class Queue {
  constructor(strip, open) {
    Object.assign(this, { strip, open, items: [], list: [], current: -1, order: "trust", show: "left", text: "", sizes: [] });
    this.thumbnails = new Map();
    this.cards = new Map();
    this.orders = {
      trust: (one, other) => trust(one) - trust(other),
      random: (one, other) => chance(one.name) - chance(other.name),
      name: () => 0,
      category: (one, other) => collator.compare(one.category, other.category),
      status: (one, other) => collator.compare(one.status, other.status) || trust(one) - trust(other),
      size: (one, other) => (this.sizes[one.number] ?? 0) - (this.sizes[other.number] ?? 0),
    };
    strip.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(strip);
  }

  get isRandom() { return this.order === "random" && this.show === "left" && !this.text && !this.only; }
  get item() { return this.items[this.current]; }

  update(items) {
    this.items = items;
    this.arrange();
  }
  change(item) {
    this.items[item.number] = item;
    this.cards.get(item.number)?.remove();
    this.cards.delete(item.number);
    this.arrange();
  }
  arrange() {
    const text = this.text.toLowerCase();
    const wanted = this.items.filter((item) =>
      (this.show === "all" || (this.show === "left" ? !item.verdict : item.verdict === this.show))
      && (!text || `${item.name} ${item.category}`.toLowerCase().includes(text))
      && (!this.only || this.only.has(item.number)));
    const order = this.orders[this.order];
    this.list = wanted.sort((one, other) => order(one, other) || byName(one, other)).map((item) => item.number);
    this.draw();
  }
  // The mask after the current one, also when that has just left the list; -1 at the end.
  after(number = this.current, list = this.list) {
    const place = list.indexOf(number);
    return list[place + 1] ?? (place < 0 ? list[0] : list.find((other) => other !== number)) ?? -1;
  }
  select(number) {
    this.current = number;
    this.draw();
    const place = this.list.indexOf(number);
    if (place < 0) return;
    const { strip } = this;
    if (this.isWide) strip.scrollLeft = Math.max(0, place * WIDE - strip.clientWidth / 2 + WIDE / 2);
    else strip.scrollTop = Math.max(0, place * STEP - strip.clientHeight / 2 + STEP / 2);
  }

  get isWide() { return getComputedStyle(this.strip).overflowY === "hidden"; }
  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.paint(); });
  }
  // Only the cards near the window are in the document.
  paint() {
    const { strip, cards, list, isWide } = this, step = isWide ? WIDE : STEP;
    const [at, room] = isWide ? [strip.scrollLeft, strip.clientWidth] : [strip.scrollTop, strip.clientHeight];
    const first = Math.max(0, Math.floor(at / step) - AHEAD), last = Math.ceil((at + room) / step) + AHEAD;
    const wanted = new Map(list.slice(first, last).map((number, index) => [number, first + index]));
    for (const [number, card] of cards) if (!wanted.has(number)) { card.remove(); cards.delete(number); }
    for (const [number, place] of wanted) {
      let card = cards.get(number);
      if (!card) { card = this.card(this.items[number]); cards.set(number, card); strip.append(card); }
      card.style.transform = isWide ? `translateX(${place * step}px)` : `translateY(${place * step}px)`;
      card.setAttribute("aria-setsize", list.length);
      card.setAttribute("aria-posinset", place + 1);
      card.dataset.place = place;
      card.firstChild.setAttribute("aria-current", number === this.current);
    }
    const ordered = [...strip.children].sort((one, other) => one.dataset.place - other.dataset.place);
    if (ordered.some((card, index) => card !== strip.children[index])) strip.append(...ordered);
    strip.style.setProperty("--end", `${list.length * step}px`);
  }
  card(item) {
    const card = document.createElement("li"), button = document.createElement("button"), image = new Image();
    const text = document.createElement("span"), name = document.createElement("span"), facts = document.createElement("span");
    button.type = "button";
    image.alt = "";
    text.className = "text";
    facts.className = "quiet";
    name.textContent = item.name;
    const sure = item.confidence === null ? "" : ` ${item.confidence.toFixed(2)}`;
    facts.textContent = item.verdict || `${item.category}${sure}`;
    text.append(name, facts);
    button.append(image, text);
    button.addEventListener("click", () => this.open(item.number));
    card.append(button);
    this.picture(item.number).then((address) => { if (address) image.src = address; });
    return card;
  }
  picture(number) {
    if (!this.thumbnails.has(number)) {
      this.thumbnails.set(number, api.thumbnail(number).then((blob) => URL.createObjectURL(blob)).catch(() => ""));
    }
    return this.thumbnails.get(number);
  }
}
