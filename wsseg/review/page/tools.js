// Gestures on the stage: clicks, strokes of the brush and the eraser, boxes, zoom and pan; by mouse, pen and touch.

const SLOP = 6, NEAR = 1.5;

export class Tools {
  // `done` takes each finished stroke; `changed` is called when the tool, the label or the size is another.
  constructor(view, { done, changed }) {
    Object.assign(this, { view, done, changed, tool: "point", label: 1, size: 12, isSpace: false });
    this.pointers = new Map();
    const { stage } = view;
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.up(event));
    stage.addEventListener("pointercancel", (event) => this.cancel(event));
    stage.addEventListener("pointerleave", () => { view.pointer = null; view.draw(); });
  }

  choose(tool) { this.tool = tool; this.changed(); }
  swap() { this.label = 1 - this.label; this.changed(); }
  resize(size) { this.size = Math.max(1, Math.min(120, Math.round(size))); this.changed(); }
  // Half the width of the brush, in pixels of the photo.
  get radius() {
    const { width, height } = this.view.photo;
    return Math.max(0.5, (this.size / 2) * (Math.max(width, height) / 500));
  }

  at(event) {
    const box = this.view.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  wheel(event) {
    event.preventDefault();
    this.view.zoomAt(...this.at(event), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)));
  }

  down(event) {
    const { view } = this;
    if (!view.photo) return;
    view.stage.focus({ preventScroll: true });
    view.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    if (this.pointers.size > 1) { this.drop(); return; }
    if (this.isSpace || event.button === 1) { this.isPanning = true; return; }
    const isOther = event.button === 2 || event.ctrlKey || event.metaKey || event.altKey;
    const kind = event.buttons & 32 ? "eraser" : this.tool, place = view.place(...this.at(event));
    view.cross = null;
    this.start = this.at(event);
    const radius = kind === "brush" || kind === "eraser" ? this.radius : 0;
    view.draft = { kind, points: [place], label: isOther ? 1 - this.label : this.label, radius };
    view.draw();
  }
  move(event) {
    const { view } = this, [x, y] = this.at(event), before = this.pointers.get(event.pointerId);
    view.pointer = view.photo ? view.place(x, y) : null;
    if (!before) { view.draw(); return; }
    if (this.pointers.size > 1) { this.pinch(event.pointerId, before, [x, y]); return; }
    this.pointers.set(event.pointerId, [x, y]);
    if (this.isPanning) { view.pan(x - before[0], y - before[1]); return; }
    const { draft } = view;
    if (!draft) return;
    if (draft.kind === "box") draft.points = [draft.points[0], view.place(x, y)];
    else if (draft.kind !== "point") {
      const last = view.onStage(draft.points.at(-1));
      if (Math.hypot(x - last[0], y - last[1]) > NEAR) draft.points.push(view.place(x, y));
    }
    view.draw();
  }
  // Two fingers zoom and pan.
  pinch(id, before, now) {
    const [other] = [...this.pointers].filter(([each]) => each !== id).map(([, place]) => place);
    const middle = (one) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    const reach = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
    const [from, to] = [middle(before), middle(now)];
    this.view.pan(to[0] - from[0], to[1] - from[1]);
    this.view.zoomAt(...to, reach(now) / reach(before));
    this.pointers.set(id, now);
  }
  up(event) {
    const { view } = this, { draft } = view, [x, y] = this.at(event);
    this.pointers.delete(event.pointerId);
    if (this.isPanning) { this.isPanning = false; return; }
    if (!draft) return;
    view.draft = null;
    const far = Math.hypot(x - this.start[0], y - this.start[1]) > SLOP;
    const isIn = draft.kind === "point" ? view.holds(draft.points[0]) : true;
    if (isIn && (draft.kind !== "box" || (far && draft.points.length === 2))) this.done(draft);
    view.draw();
  }
  cancel(event) { this.pointers.delete(event.pointerId); this.isPanning = false; this.drop(); }
  drop() { this.view.draft = null; this.view.draw(); }

  // The crosshair of the keyboard, and a hint at it.
  step(x, y, isFast) {
    const { view } = this;
    if (!view.photo) return;
    const { width, height } = view.photo, by = Math.max(1, Math.round(((isFast ? 40 : 8) / view.zoom)));
    const [x0, y0] = view.cross || [Math.floor(width / 2), Math.floor(height / 2)];
    view.cross = [Math.max(0, Math.min(width - 1, x0 + x * by)), Math.max(0, Math.min(height - 1, y0 + y * by))];
    view.pointer = view.cross;
    view.draw();
  }
  put(label) {
    const { view } = this;
    if (!view.photo) return;
    view.cross ||= [Math.floor(view.photo.width / 2), Math.floor(view.photo.height / 2)];
    const radius = this.tool === "brush" ? this.radius : 0;
    this.done({ kind: this.tool === "brush" ? "brush" : "point", points: [view.cross], label, radius });
  }
  erase() {
    if (this.view.cross) this.done({ kind: "eraser", points: [this.view.cross], label: 0, radius: this.radius });
  }
}
