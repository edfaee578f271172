// The photo on its canvas: zoom, pan, the mask over it, the hints, the crosshair and the loupe.

const MOST_ZOOM = 64;
const COLORS = ["#0072b2", "#e69f00"];

const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

export class View {
  constructor(stage, canvas, loupe) {
    Object.assign(this, { stage, canvas, loupe });
    this.context = canvas.getContext("2d");
    this.look = "overlay";
    this.color = "#d55e00";
    this.opacity = 0.45;
    this.isBare = false;
    this.cross = null;
    this.draft = null;
    this.strokes = [];
    this.photo = null;
    new ResizeObserver(() => { if (this.isFitted) this.fit(); else this.draw(); }).observe(stage);
  }

  show(photo) {
    this.photo = photo;
    this.sharp = null;
    this.mask = null;
    this.saved = null;
    this.strokes = [];
    this.draft = null;
    this.cross = null;
    this.fit();
  }

  get ratio() { return devicePixelRatio || 1; }

  fit() {
    if (!this.photo) return;
    const { clientWidth: width, clientHeight: height } = this.stage;
    this.zoom = Math.min(width / this.photo.width, height / this.photo.height) * 0.98 || 1;
    this.x = (width - this.photo.width * this.zoom) / 2;
    this.y = (height - this.photo.height * this.zoom) / 2;
    this.isFitted = true;
    this.draw();
  }
  zoomAt(x, y, factor) {
    if (!this.photo) return;
    const zoom = Math.max(0.02, Math.min(MOST_ZOOM, this.zoom * factor)), change = zoom / this.zoom;
    this.x = x - (x - this.x) * change;
    this.y = y - (y - this.y) * change;
    this.zoom = zoom;
    this.isFitted = false;
    this.draw();
  }
  pan(x, y) { this.x += x; this.y += y; this.isFitted = false; this.draw(); }

  // A place on the stage, in pixels of the photo, and back.
  place(x, y) { return [(x - this.x) / this.zoom, (y - this.y) / this.zoom]; }
  onStage([x, y]) { return [this.x + x * this.zoom, this.y + y * this.zoom]; }
  holds([x, y]) { return this.photo && x >= 0 && y >= 0 && x < this.photo.width && y < this.photo.height; }

  setMask(image) {
    const { width, height } = image, made = canvasOf(width, height), context = made.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, width, height), pixels = data.data;
    let size = 0;
    for (let index = 0; index < pixels.length; index += 4) {
      const on = pixels[index] > 127;
      size += on;
      pixels[index] = pixels[index + 1] = pixels[index + 2] = 255;
      pixels[index + 3] = on ? 255 : 0;
    }
    context.putImageData(data, 0, 0);
    this.mask = made;
    this.share = size / (width * height);
    this.layers = {};
    this.draw();
  }
  setSaved(image) {
    if (!image) { this.saved = null; return; }
    const made = canvasOf(image.width, image.height), context = made.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, image.width, image.height), pixels = data.data;
    const colors = COLORS.map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
    for (let index = 0; index < pixels.length; index += 4) {
      const side = pixels[index];
      if (side > 1) { pixels[index + 3] = 0; continue; }
      pixels.set([...colors[side], 150], index);
    }
    context.putImageData(data, 0, 0);
    this.saved = made;
  }

  layer(kind) {
    const { mask } = this, key = `${kind} ${this.color}`;
    if (!mask) return null;
    if (this.layers[key]) return this.layers[key];
    const made = canvasOf(mask.width, mask.height), context = made.getContext("2d");
    if (kind === "outline") {
      const reach = Math.max(1, Math.round(Math.max(mask.width, mask.height) / 250));
      for (const [x, y] of [[reach, 0], [-reach, 0], [0, reach], [0, -reach]]) context.drawImage(mask, x, y);
      context.globalCompositeOperation = "destination-out";
      context.drawImage(mask, 0, 0);
    } else context.drawImage(mask, 0, 0);
    context.globalCompositeOperation = kind === "cutout" ? "source-over" : "source-in";
    if (kind !== "cutout") { context.fillStyle = this.color; context.fillRect(0, 0, mask.width, mask.height); }
    return (this.layers[key] = made);
  }

  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.paint(); });
  }
  paint() {
    const { canvas, context, stage, ratio } = this;
    const width = Math.round(stage.clientWidth * ratio), height = Math.round(stage.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.photo) return;
    this.drawPhoto(context, this.zoom * ratio, this.x * ratio, this.y * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawHints();
    if (this.cross) this.drawCross();
    this.drawLoupe();
    canvas.dataset.zoom = this.zoom.toFixed(4);
    canvas.dataset.share = this.mask ? this.share.toFixed(4) : "";
  }
  drawPhoto(context, zoom, x, y) {
    const { photo } = this;
    context.setTransform(zoom, 0, 0, zoom, x, y);
    context.imageSmoothingEnabled = zoom < 2;
    const look = this.isBare ? "bare" : this.look;
    const put = (image) => context.drawImage(image, 0, 0, photo.width, photo.height);
    if (look === "cutout" && this.mask) {
      const made = canvasOf(photo.image.width, photo.image.height), inner = made.getContext("2d");
      inner.drawImage(this.mask, 0, 0, made.width, made.height);
      inner.globalCompositeOperation = "source-in";
      inner.drawImage(photo.image, 0, 0);
      put(made);
      return;
    }
    put(this.sharp || photo.image);
    if (look === "bare" || !this.mask) return;
    if (look === "overlay") {
      context.globalAlpha = this.opacity;
      put(this.layer("overlay"));
      context.globalAlpha = 1;
    }
    put(this.layer("outline"));
  }
  drawHints() {
    const { context } = this;
    if (this.isBare) return;
    if (this.saved && this.showSaved) {
      const [x, y] = this.onStage([0, 0]);
      context.drawImage(this.saved, x, y, this.photo.width * this.zoom, this.photo.height * this.zoom);
    }
    this.drawBrush();
    for (const stroke of [...this.strokes, ...(this.draft ? [this.draft] : [])]) this.drawStroke(stroke);
  }
  drawStroke({ kind, points, label, radius }) {
    const { context } = this, on = points.map((each) => this.onStage(each));
    context.lineCap = context.lineJoin = "round";
    if (kind === "point") {
      context.beginPath();
      context.arc(...on[0], 6, 0, 7);
      context.fillStyle = COLORS[label];
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = "#fff";
      context.stroke();
      context.fillStyle = "#fff";
      context.fillRect(on[0][0] - 3, on[0][1] - 1, 6, 2);
      if (label) context.fillRect(on[0][0] - 1, on[0][1] - 3, 2, 6);
    } else if (kind === "box" && on.length === 2) {
      const [[x0, y0], [x1, y1]] = on;
      for (const [color, dash] of [["#fff", []], ["#000", [6, 6]]]) {
        context.setLineDash(dash);
        context.strokeStyle = color;
        context.lineWidth = 2;
        context.strokeRect(x0, y0, x1 - x0, y1 - y0);
      }
      context.setLineDash([]);
    } else {
      context.globalAlpha = 0.6;
      context.strokeStyle = kind === "eraser" ? "#888" : COLORS[label];
      context.lineWidth = Math.max(2, 2 * radius * this.zoom);
      context.beginPath();
      on.forEach((each, index) => (index ? context.lineTo(...each) : context.moveTo(...each)));
      if (on.length === 1) context.lineTo(on[0][0] + 0.1, on[0][1]);
      context.stroke();
      context.globalAlpha = 1;
    }
  }
  drawBrush() {
    if (!this.brush || !this.pointer) return;
    const { context, photo } = this, reach = Math.max(0.5, (this.brush / 2) * (Math.max(photo.width, photo.height) / 500)) * this.zoom;
    for (const [color, dash] of [["#fff", []], ["#000", [4, 4]]]) {
      context.setLineDash(dash);
      context.strokeStyle = color;
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(...this.onStage(this.pointer), reach, 0, 7);
      context.stroke();
    }
    context.setLineDash([]);
  }
  drawCross() {
    const { context } = this, [x, y] = this.onStage(this.cross);
    for (const [color, width] of [["#fff", 3], ["#000", 1]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 4 * dx, y + 4 * dy);
        context.lineTo(x + 16 * dx, y + 16 * dy);
      }
      context.stroke();
    }
  }
  drawLoupe() {
    this.loupe.hidden = !(this.isLoupe && this.pointer && this.holds(this.pointer));
    if (this.loupe.hidden) return;
    const context = this.loupe.getContext("2d"), side = this.loupe.width, zoom = Math.max(4, this.zoom * 3);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, side, side);
    const [x, y] = this.pointer;
    this.drawPhoto(context, zoom, side / 2 - x * zoom, side / 2 - y * zoom);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.strokeStyle = "#fff";
    context.strokeRect(side / 2 - 3, side / 2 - 3, 6, 6);
  }
}
