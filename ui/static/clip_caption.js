// One caption: saved on Enter and when it is left, and only over what was shown here. If somebody else wrote meanwhile,
// both texts are shown and nothing is lost until one is chosen.
{
  const make = (...words) => window.studio.make(...words);

  class ClipCaption {
    constructor(card, number) {
      Object.assign(this, { card, number, shown: "", state: "" });
      this.status = make("span", { className: "cg-status", role: "status" });
      this.area = make("textarea", { className: "cg-caption", rows: "3", spellcheck: "true", placeholder: "No caption yet" });
      this.conflict = make("div", { className: "cg-conflict", hidden: true });
      this.element = make("div", { className: "cg-caption-box" }, this.area, this.status, this.conflict);
      this.area.addEventListener("input", () => this.tell(this.isDirty() ? "edited" : ""));
      this.area.addEventListener("blur", () => this.save());
      this.area.addEventListener("keydown", (event) => this.onKey(event));
    }

    onKey(event) {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.save();
      } else if (event.key === "Escape" && this.isDirty()) {
        this.area.value = this.shown;
        this.tell("");
      }
    }

    isDirty() {
      return this.area.value.trim() !== this.shown;
    }

    // What the server holds; what is being edited here stays.
    update(text, name, locked) {
      const label = this.number === 1 ? `Caption of ${name}` : `Caption ${this.number} of ${name}`;
      this.area.setAttribute("aria-label", label);
      this.area.readOnly = Boolean(locked);
      if (this.saving || this.isDirty() || !this.conflict.hidden) return;
      this.shown = text.trim();
      this.area.value = text;
    }

    async save() {
      if (this.saving || this.area.readOnly || !this.isDirty() || !this.conflict.hidden) return;
      const text = this.area.value;
      this.saving = true;
      this.tell("saving");
      const answer = await this.card.grid.ask("keep_caption", {
        dataset: this.card.dataset, key: this.card.clip.key, number: this.number, text, shown: this.shown,
      });
      this.saving = false;
      if (answer.error) return this.tell("failed", answer.error);
      if (!answer.saved) return this.dispute(answer.standing);
      this.shown = answer.standing;
      if (this.area.value === text) this.area.value = answer.standing;
      this.tell(this.isDirty() ? "edited" : "saved");
      this.card.captionSaved();
      return undefined;
    }

    dispute(standing) {
      const keep = make("button", { type: "button", className: "cg-button" }, "Keep mine");
      const take = make("button", { type: "button", className: "cg-button" }, "Take theirs");
      const close = () => {
        this.conflict.hidden = true;
        this.shown = standing;
        this.conflict.replaceChildren();
      };
      keep.addEventListener("click", () => {
        close();
        this.save();
      });
      take.addEventListener("click", () => {
        close();
        this.area.value = standing;
        this.tell("");
      });
      this.conflict.replaceChildren(
        make("p", {}, "The caption was changed elsewhere since it was shown here. It now reads:"),
        make("blockquote", {}, standing || "(empty)"),
        make("div", { className: "cg-buttons" }, keep, take),
      );
      this.conflict.hidden = false;
      this.tell("conflict");
    }

    tell(state, text = "") {
      const words = { saved: "Saved", saving: "Saving", edited: "Not saved yet", conflict: "Changed elsewhere", failed: `Not saved: ${text}` };
      this.status.textContent = words[state] ?? "";
      this.status.dataset.state = state;
      this.element.dataset.state = state;
    }
  }

  window.studio.ClipCaption = ClipCaption;
}
