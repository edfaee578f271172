// What a person drew on a photo and its target, with undo and redo of all of it without limit. Drafts survive a reload and a closed tab.

const DRAFTS = "wsseg-draft:";

export class Strokes {
  constructor(key) {
    this.key = DRAFTS + key;
    let first = { list: [], isSaved: true, target: "" };
    this.isTouched = false;
    try {
      const draft = JSON.parse(localStorage.getItem(this.key));
      if (draft && Array.isArray(draft.list)) {
        first = { ...first, ...draft };
        this.isTouched = true;
      }
    } catch { /* a draft of another version */ }
    this.past = [first];
    this.at = 0;
  }

  get list() { return this.past[this.at].list; }
  // Whether the hints of an earlier review hold.
  get isSaved() { return this.past[this.at].isSaved; }
  get target() { return this.past[this.at].target; }
  get canUndo() { return this.at > 0; }
  get canRedo() { return this.at < this.past.length - 1; }

  set(change) {
    this.past = [...this.past.slice(0, this.at + 1), { ...this.past[this.at], ...change }];
    this.at += 1;
    this.keep();
  }
  add(stroke) { this.set({ list: [...this.list, stroke] }); }
  undo() { if (!this.canUndo) return false; this.at -= 1; this.keep(); return true; }
  redo() { if (!this.canRedo) return false; this.at += 1; this.keep(); return true; }
  clear() { this.set({ list: [], isSaved: false }); }
  retarget(target) { this.set({ target }); }

  keep() {
    this.isTouched = true;
    try { localStorage.setItem(this.key, JSON.stringify(this.past[this.at])); } catch { /* no room: the page goes on */ }
  }
  forget() { localStorage.removeItem(this.key); }

  get work() { return { strokes: this.list, saved: this.isSaved, target: this.target || null }; }
}
