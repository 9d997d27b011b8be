// The clips of a dataset, a page at a time: search and filters, cards, and the way to the other pages. `value` names the
// dataset and a stamp that changes when something else has changed the files; everything else is asked for here.
{
  const make = (...words) => window.studio.make(...words);
  const SHOWS = [["all", "All clips"], ["uncaptioned", "Without caption"], ["triggerless", "Without the trigger"], ["findings", "With findings"]];
  const SIZES = [12, 24, 48, 96];
  const TYPING_MS = 300;

  class ClipGrid {
    constructor(root, { props, watch, server }) {
      Object.assign(this, { root, props, server, dataset: null, cards: new Map(), asked: 0 });
      this.query = { page: 1, per_page: 24, search: "", show: "all" };
      this.build();
      watch("value", () => this.changed());
      window.addEventListener("studio:clips-changed", () => this.load());
      window.addEventListener("beforeunload", (event) => {
        if ([...this.cards.values()].some((card) => card.isDirty())) event.preventDefault();
      });
      this.changed();
    }

    build() {
      this.search = make("input", { type: "search", className: "cg-search", placeholder: "Search names and captions", "aria-label": "Search names and captions" });
      this.search.addEventListener("input", () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.ask_for({ search: this.search.value, page: 1 }), TYPING_MS);
      });
      this.show = this.select(SHOWS, "Which clips are shown", (value) => this.ask_for({ show: value, page: 1 }));
      this.size = this.select(SIZES.map((size) => [String(size), `${size} a page`]), "Clips a page", (value) => this.ask_for({ per_page: Number(value), page: 1 }));
      this.size.value = "24";
      this.count = make("span", { className: "cg-count", role: "status" });
      this.fault = make("div", { className: "notice notice-bad", role: "alert", hidden: true });
      this.list = make("div", { className: "cg-grid" });
      this.pagers = [this.pager("above"), this.pager("below")];
      this.bar = make("div", { className: "cg-bar" }, this.search, this.show, this.size, this.count, this.pagers[0].element);
      this.empty = make("div", { className: "empty", hidden: true });
      this.root.replaceChildren(make("section", { className: "cg", "aria-label": "Clips" }, this.bar, this.fault, this.empty, this.list, this.pagers[1].element));
    }

    select(choices, label, chosen) {
      const select = make("select", { className: "cg-select", "aria-label": label }, ...choices.map(([value, text]) => make("option", { value }, text)));
      select.addEventListener("change", () => chosen(select.value));
      return select;
    }

    pager(where) {
      const before = make("button", { type: "button", className: "cg-button", "aria-label": `Page before, ${where} the clips` }, "Back");
      const after = make("button", { type: "button", className: "cg-button", "aria-label": `Next page, ${where} the clips` }, "Next");
      const number = make("input", { type: "number", min: "1", className: "cg-number", "aria-label": `Page number, ${where} the clips` });
      const pages = make("span", {});
      before.addEventListener("click", () => this.turn(this.query.page - 1, where));
      after.addEventListener("click", () => this.turn(this.query.page + 1, where));
      number.addEventListener("change", () => this.turn(Number(number.value) || 1, where));
      return { element: make("nav", { className: "cg-pager", "aria-label": `Pages, ${where} the clips` }, before, number, pages, after), before, after, number, pages };
    }

    turn(page, where) {
      this.ask_for({ page });
      if (where === "below") this.root.scrollIntoView({ block: "start" });
    }

    changed() {
      const { dataset, empty } = this.props.value ?? {};
      this.hint = empty;
      if (dataset !== this.dataset) {
        this.dataset = dataset;
        this.query = { ...this.query, page: 1, search: "", show: "all" };
        this.search.value = "";
        this.show.value = "all";
      }
      this.load();
    }

    ask_for(change) {
      this.query = { ...this.query, ...change };
      this.load();
    }

    // One request at a time counts: an answer that comes late is dropped.
    async load() {
      if (!this.dataset) return this.draw({ clips: [], total: 0, matching: 0, page: 1, pages: 1, first: 0 });
      const asked = (this.asked += 1);
      this.list.setAttribute("aria-busy", "true");
      const page = await this.ask("clips_page", { dataset: this.dataset, ...this.query });
      if (asked !== this.asked) return undefined;
      this.list.removeAttribute("aria-busy");
      this.fault.hidden = !page.error;
      this.fault.textContent = page.error ?? "";
      if (!page.error) this.draw(page);
      return undefined;
    }

    async ask(name, request) {
      try {
        return await this.server[name](request);
      } catch {
        return { error: "The studio does not answer. Is it still running? What you typed stays here." };
      }
    }

    draw(page) {
      this.query.page = page.page;
      const kept = new Map();
      for (const clip of page.clips) {
        const key = JSON.stringify([page.dataset, clip.key]);
        const card = this.cards.get(key) ?? new window.studio.ClipCard(this);
        this.cards.delete(key);
        card.update(clip, page);
        kept.set(key, card);
      }
      for (const [key, card] of this.cards) { // what was typed and not saved stays until it is
        if (card.isDirty()) kept.set(key, card);
        else card.remove();
      }
      this.cards = kept;
      [...kept.values()].forEach((card, place) => {
        if (this.list.children[place] !== card.element) this.list.insertBefore(card.element, this.list.children[place] ?? null);
      });
      this.tell(page);
    }

    tell(page) {
      this.bar.hidden = !page.total;
      const last = page.first + page.clips.length - 1;
      const found = page.matching < page.total ? ` found among ${page.total}` : "";
      this.count.textContent = page.clips.length ? `${page.first} to ${last} of ${page.matching}${found}` : "";
      for (const pager of this.pagers) {
        pager.element.hidden = page.pages < 2;
        pager.before.disabled = page.page <= 1;
        pager.after.disabled = page.page >= page.pages;
        pager.number.value = page.page;
        pager.number.max = page.pages;
        pager.pages.textContent = `of ${page.pages}`;
      }
      const [title, text] = page.total ? ["No clip is like this", "Clear the search or show all clips."] : this.hint ?? ["There is no clip yet", ""];
      this.empty.hidden = page.clips.length > 0;
      this.empty.replaceChildren(make("strong", {}, title), text);
    }
  }

  window.studio.clipGrid = (root, given) => {
    new ClipGrid(root, given);
  };
}
