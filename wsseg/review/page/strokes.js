// What a person drew on a photo, with undo and redo without limit. Drafts survive a reload and a closed tab.

const DRAFTS = "wsseg-draft:";

export class Strokes {
  constructor(key) {
    this.key = DRAFTS + key;
    this.past = [[]];
    this.at = 0;
    this.isTouched = false;
    try {
      const draft = JSON.parse(localStorage.getItem(this.key));
      if (draft && Array.isArray(draft.list)) {
        this.past = [draft.list];
        this.isTouched = true;
        this.isSaved = draft.isSaved;
        this.target = draft.target;
      }
    } catch { /* a draft of another version */ }
    this.isSaved ??= true;
    this.target ??= "";
  }

  get list() { return this.past[this.at]; }
  get canUndo() { return this.at > 0; }
  get canRedo() { return this.at < this.past.length - 1; }

  set(list) {
    this.past = [...this.past.slice(0, this.at + 1), list];
    this.at += 1;
    this.keep();
  }
  add(stroke) { this.set([...this.list, stroke]); }
  undo() { if (!this.canUndo) return false; this.at -= 1; this.keep(); return true; }
  redo() { if (!this.canRedo) return false; this.at += 1; this.keep(); return true; }
  clear() { this.isSaved = false; this.set([]); }
  retarget(target) { this.target = target; this.keep(); }

  keep() {
    this.isTouched = true;
    const { list, isSaved, target } = this;
    try { localStorage.setItem(this.key, JSON.stringify({ list, isSaved, target })); } catch { /* no room: the page goes on */ }
  }
  forget() { localStorage.removeItem(this.key); }

  get work() { return { strokes: this.list, saved: this.isSaved, target: this.target || null }; }
}
