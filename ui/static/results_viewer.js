// One sample enlarged, beside the base or any other column of its prompt, with what made it.
{
  const make = (...words) => window.studio.make(...words);

  class ResultsViewer {
    constructor(grid) {
      this.grid = grid;
      this.players = [];
      this.beside = "base"; // index of a column, "base" or "none"
      this.silent = false;
      this.title = make("h3", { id: `rg-title-${Math.random().toString(36).slice(2)}` });
      this.prompt = make("p", { className: "rg-full-prompt" });
      this.stage = make("div", { className: "rg-stage", tabIndex: -1 });
      this.facts = make("dl", { className: "rg-facts" });
      this.partner = make("select", { "aria-label": "Beside it", on: { change: () => { this.beside = this.partner.value; this.show(); } } });
      this.star = make("button", { type: "button", className: "rg-button", on: { click: () => this.mark() } });
      this.sound = make("button", { type: "button", className: "rg-button", on: { click: () => this.mute() } });
      this.dialog = make("dialog", { className: "rg-viewer", "aria-labelledby": this.title.id });
      this.dialog.append(this.head(), this.body(), make("p", { className: "rg-keys" }, ...window.studio.resultsKeys([
        ["arrows", "next sample"], ["space", "play"], [", .", "frame by frame"], ["B", "base beside it"], ["M", "sound"], ["F", "favourite"], ["Esc", "close"],
      ])));
      this.dialog.addEventListener("close", () => this.onClose());
      this.dialog.addEventListener("keydown", (event) => this.onKey(event));
      this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    }
    head() {
      const close = make("button", { type: "button", className: "rg-button rg-close", "aria-label": "Close", title: "Close (Esc)", on: { click: () => this.dialog.close() } }, "\u00d7");
      return make("div", { className: "rg-viewer-head" }, make("div", {}, this.title, this.prompt), close);
    }
    body() {
      const move = (name, text, by) => make("button", { type: "button", className: "rg-button", "aria-label": name, title: name, on: { click: () => this.move(by) } }, text);
      return make("div", { className: "rg-viewer-body" },
        make("div", { className: "rg-picture" }, this.stage,
          make("div", { className: "rg-bar" }, ...window.studio.resultsControls(this.grid.clock, () => {})),
          make("div", { className: "rg-bar" },
            make("label", {}, "Beside it ", this.partner), this.sound, this.star,
            make("span", { className: "rg-moves" }, move("Previous column", "\u2190", [-1, 0]), move("Next column", "\u2192", [1, 0]), move("Previous prompt", "\u2191", [0, -1]), move("Next prompt", "\u2193", [0, 1])))),
        this.facts);
    }

    open(cell) {
      const opens = !this.dialog.open;
      this.cell = cell;
      if (opens) {
        this.wasPlaying = this.grid.clock.playing;
        this.dialog.showModal();
        this.stage.focus();
      }
      this.show();
      if (opens) this.grid.clock.play();
    }
    // After a redraw of the grid: the same sample, or none if it is gone.
    refresh() {
      if (!this.dialog.open) return;
      const same = this.grid.flat().find((cell) => cell.id === this.cell.id);
      if (!same) return this.dialog.close();
      this.cell = same;
      return this.describe();
    }
    show() {
      const { clock } = this.grid;
      this.drop();
      this.drawPartners();
      const partner = this.partnerCell();
      this.players = [partner, this.cell].filter(Boolean).map((cell) => this.screen(cell));
      this.stage.classList.toggle("rg-two", this.players.length > 1);
      this.grid.unmute();
      this.describe();
      clock.focusOn(this.players);
    }
    screen(cell) {
      const { sample, column } = cell;
      const screen = make("div", { className: `rg-screen rg-of-${sample.kind}` });
      if (sample.width) screen.style.aspectRatio = `${sample.width} / ${sample.height}`;
      const caption = make("figcaption", {}, this.grid.value.runs.length > 1 ? `${column.run}: ${column.label}` : column.label);
      const player = sample.url ? window.studio.resultsPlayer(sample) : document.createElement("video");
      if (sample.kind === "sound") screen.append(window.studio.resultsIcon("sound"));
      if (sample.url) {
        screen.append(player);
        player.addEventListener("error", () => screen.append(make("span", { className: "rg-problem" }, "this browser cannot play it")), { once: true });
        this.grid.clock.add(player, player.clip);
      } else screen.append(make("span", { className: "rg-problem" }, sample.problem));
      player.cell = cell;
      this.stage.append(make("figure", {}, screen, caption));
      return player;
    }
    describe() {
      const { row, column, sample } = this.cell;
      const { runs } = this.grid.value;
      this.title.textContent = [runs.length > 1 && column.run, column.label, row.seeds].filter(Boolean).join(", ");
      this.prompt.textContent = row.prompt;
      const facts = sample.problem ? [["Note", sample.problem], ...sample.facts] : sample.facts;
      this.facts.replaceChildren(...facts.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
      this.star.disabled = !column.checkpoint;
      this.star.textContent = column.favourite ? "\u2605 Favourite" : "\u2606 Mark as favourite";
      this.star.setAttribute("aria-pressed", String(column.favourite));
      this.update();
    }
    // What was opened sounds, unless it has none; then what stands beside it does.
    update() {
      const heard = this.players.find((player) => player.cell === this.cell && player.cell.sample.sound) ?? this.players.find((player) => player.cell.sample.sound);
      for (const player of this.players) player.muted = player !== heard || this.silent;
      this.sound.disabled = !heard;
      this.sound.textContent = !heard ? "Without sound" : this.silent ? "Sound on" : "Sound off";
    }

    // Columns in which this prompt was sampled.
    drawPartners() {
      const { value, base } = this.grid;
      const cells = this.grid.cells.find((row) => row.includes(this.cell)) ?? [];
      const both = value.runs.length > 1;
      const option = (key, text) => make("option", { value: key }, text);
      this.partner.replaceChildren(option("none", "nothing"), ...value.columns.flatMap((column, index) => {
        if (!cells[index] || cells[index] === this.cell) return [];
        return [option(index === base ? "base" : String(index), both ? `${column.run}: ${column.label}` : column.label)];
      }));
      this.partner.value = this.beside;
      if (this.partner.selectedIndex < 0) this.partner.value = "none";
    }
    partnerCell() {
      const key = this.partner.value;
      const cells = this.grid.cells.find((row) => row.includes(this.cell)) ?? [];
      return key === "none" ? null : cells[key === "base" ? this.grid.base : Number(key)];
    }

    move(by) {
      const next = this.grid.next(this.cell, by);
      if (next) this.open(next);
    }
    mark() {
      this.grid.mark(this.cell.column, this.cell.sample.file);
    }
    mute() {
      this.silent = !this.silent;
      this.update();
    }
    onKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
      const { clock } = this.grid;
      const key = event.key.toLowerCase();
      const move = window.studio.resultsMoves[event.key];
      if (move && event.target.type !== "range") this.move(move);
      else if (key === " " && event.target.tagName !== "BUTTON") clock.toggle();
      else if (key === ",") clock.step(-1);
      else if (key === ".") clock.step(1);
      else if (key === "m") this.mute();
      else if (key === "f") this.mark();
      else if (key === "b") {
        this.beside = this.partner.value === "base" ? "none" : "base";
        this.show();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }
    drop() {
      for (const player of this.players) window.studio.resultsDrop(player, this.grid.clock);
      this.players = [];
      this.stage.replaceChildren();
    }
    onClose() {
      const { grid } = this;
      this.drop();
      grid.clock.focusOn(null);
      if (!this.wasPlaying) grid.clock.pause();
      else grid.begin();
      grid.unmute();
      if (this.grid.known.has(this.cell?.id)) grid.focus(this.cell);
    }
  }

  window.studio.resultsViewer = (grid) => new ResultsViewer(grid);
}
