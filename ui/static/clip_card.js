// One clip of the grid. A card is kept while its clip is on the page, so that a refresh neither stops what plays nor
// touches what is being typed.
{
  const make = (...words) => window.studio.make(...words);
  const KINDS = { video: "Video", image: "Still", sound: "Sound" };

  class ClipCard {
    constructor(grid) {
      this.grid = grid;
      this.media = new window.studio.ClipMedia();
      this.name = make("span", { className: "cg-name" });
      this.bucket = make("span", { className: "cg-bucket" });
      this.facts = make("p", { className: "cg-facts" });
      this.fate = make("p", { className: "cg-fate" });
      this.findings = make("div", { className: "cg-findings" });
      this.note = make("p", { className: "cg-note" });
      this.captions = new Map();
      this.captionList = make("div", { className: "cg-captions" });
      this.element = make("article", { className: "cg-card" },
        this.media.element,
        make("div", { className: "cg-body" },
          make("div", { className: "cg-head" }, this.name, this.bucket), this.facts, this.fate, this.findings, this.captionList, this.note),
      );
    }

    update(clip, page) {
      this.clip = clip;
      this.dataset = page.dataset;
      this.trigger = page.trigger;
      this.media.show(clip);
      this.name.textContent = clip.name;
      this.name.title = clip.name;
      this.element.setAttribute("aria-label", clip.name);
      this.bucket.textContent = clip.bucket;
      this.bucket.hidden = !clip.bucket;
      this.bucket.title = clip.bucket ? `It trains in the bucket ${clip.bucket}` : "";
      const facts = clip.facts.length ? clip.facts : [KINDS[clip.kind] ?? ""];
      this.facts.textContent = [...facts, clip.sound ? "own sound file" : ""].filter(Boolean).join(" · ");
      const lacks = [clip.lacks_reference && "no reference yet", clip.lacks_mask && "no mask yet"].filter(Boolean);
      this.fate.textContent = [clip.fate, ...lacks].filter(Boolean).join(" · ");
      this.fate.hidden = !this.fate.textContent;
      this.drawFindings(clip.findings);
      this.drawCaptions(clip);
    }

    drawFindings(findings) {
      const told = JSON.stringify(findings);
      if (told === this.told) return;
      this.told = told;
      if (!findings.length) return this.findings.replaceChildren();
      const worst = findings[0].severity;
      const rows = findings.map((one) => make("li", { data: { severity: one.severity } },
        make("span", { className: "cg-message" }, one.message), one.fix ? make("span", { className: "cg-fix" }, one.fix) : null));
      const label = `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`;
      this.findings.replaceChildren(make("details", { data: { severity: worst } }, make("summary", {}, label), make("ul", {}, ...rows)));
      return undefined;
    }

    drawCaptions(clip) {
      const wanted = clip.locked && !clip.captions.length ? [] : clip.captions;
      const numbers = new Set(wanted.map((one) => one.number));
      for (const [number, caption] of this.captions) {
        if (numbers.has(number) || caption.isDirty()) continue;
        caption.element.remove();
        this.captions.delete(number);
      }
      for (const { number, text } of wanted) {
        let caption = this.captions.get(number);
        if (!caption) {
          caption = new window.studio.ClipCaption(this, number);
          this.captions.set(number, caption);
          this.captionList.append(caption.element);
        }
        caption.update(text, clip.name, clip.locked);
        caption.element.hidden = Boolean(clip.locked) && !text;
      }
      this.tellNote();
    }

    captionSaved() {
      this.tellNote();
    }

    tellNote() {
      const texts = [...this.captions.values()].map((caption) => caption.shown);
      const lacks = this.trigger && texts.some((text) => text && !hasWord(text, this.trigger));
      this.note.textContent = this.clip.locked || (lacks ? `Without the trigger ${this.trigger}, which training puts in front` : "");
      this.note.hidden = !this.note.textContent;
      this.note.dataset.tone = this.clip.locked ? "warn" : "";
    }

    isDirty() {
      return [...this.captions.values()].some((caption) => caption.saving || caption.isDirty());
    }

    remove() {
      this.media.stop();
      this.element.remove();
    }
  }

  // As `datamodules.manifest.class_caption.has_word` looks for a word.
  function hasWord(text, word) {
    const escaped = word.trim().toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, "u").test(text.toLowerCase());
  }

  window.studio.ClipCard = ClipCard;
}
