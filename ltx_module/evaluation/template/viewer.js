// One clip, large and with sound, over the base's clip of the same prompt and seed: `b` flips between them.
const viewer = {
  draw() {
    this.dialog = byId("viewer");
    this.title = el("h2", { id: "viewer-title" });
    this.prompt = el("p", { class: "prompt" });
    this.stage = el("div", { class: "stage", tabindex: -1, autofocus: true }); // not a button, which space would press
    this.scores = el("div", { class: "scores" });
    this.badge = el("p", { class: "badge", "aria-live": "polite" });
    this.flipper = el("button", { type: "button", on: { click: () => this.flip() } }, "Flip to the base ", el("kbd", {}, "b"));
    this.muter = el("button", { type: "button", on: { click: () => this.mute() } });
    const move = (name, text, ...by) => el("button", { type: "button", "aria-label": name, title: name, on: { click: () => this.move(by) } }, text);
    const moves = el("div", { class: "segments", role: "group", "aria-label": "Other clips" },
      move("Previous column", "\u2190", -1, 0), move("Next column", "\u2192", 1, 0), move("Previous prompt", "\u2191", 0, -1), move("Next prompt", "\u2193", 0, 1));
    const close = el("button", { type: "button", class: "close", "aria-label": "Close", title: "Close (Esc)", on: { click: () => this.dialog.close() } }, "\u00d7");
    this.dialog.append(
      el("div", { class: "viewer-head" }, el("div", {}, this.title, this.prompt), close),
      el("div", { class: "viewer-body" },
        el("div", { class: "picture" }, el("div", { class: "screen" }, this.stage, this.badge), transport("This clip"), el("div", { class: "controls" }, this.flipper, this.muter, moves)),
        this.scores),
      el("p", { class: "keys" }, keyHints([["\u2190 \u2192", "column"], ["\u2191 \u2193", "prompt"], ["s", "next seed"], ["space", "play or pause"], [", .", "frame by frame"], ["Esc", "close"]])),
    );
    this.dialog.addEventListener("close", () => this.onClose());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
      else if (event.detail > 0) this.stage.focus(); // so that space plays again after a button was clicked
    });
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
  },

  open(cell) {
    this.cell = cell;
    this.showsBase = false;
    const opens = !this.dialog.open;
    if (opens) {
      this.wasPlaying = player.playing;
      for (const [element] of grid.attached) grid.lower(element);
      this.dialog.showModal();
    }
    this.replaceClips(cell);
    this.describe(cell);
    this.update();
    player.focusOn([...this.videos.values()]);
    if (opens) player.play();
  },
  move(by) {
    const next = grid.find(this.cell, ...by, true);
    if (next) this.open(next);
  },

  replaceClips(cell) {
    for (const video of this.videos?.values() ?? []) dropVideo(video);
    const base = cell.column.checkpoint === BASE ? null : sampleAt(cell.row, { checkpoint: BASE }, grid.state.seed);
    this.baseSample = base && content.clips[base.clip] ? base : null;
    this.videos = new Map([["own", videoOf(cell.clip, `${cell.column.label}: ${cell.row.prompt}`)]]);
    if (this.baseSample) this.videos.set(BASE, videoOf(content.clips[base.clip], `base: ${cell.row.prompt}`));
    this.stage.style.setProperty("--shape", cell.clip.width / cell.clip.height);
    this.stage.replaceChildren(...this.videos.values());
    for (const [name, video] of this.videos) player.add(video, name === BASE ? content.clips[base.clip] : cell.clip);
  },

  describe({ row, column, sample }) {
    const strength = column.checkpoint === BASE ? "" : ` at strength ${strengthText(column.strength)}`;
    this.title.textContent = `${column.checkpoint === BASE ? "base (LoRA off)" : column.checkpoint}${strength}, seed ${sample.seed}`;
    this.prompt.replaceChildren(...withTrigger(row.prompt));
    const others = this.baseSample?.scores ?? {};
    const names = grid.scoreNames().filter((name) => isNumber(sample.scores?.[name]) || isNumber(others[name]));
    const heads = ["", column.checkpoint === BASE ? "Base" : "LoRA", this.baseSample && "Base"].filter((head) => head !== null);
    this.scores.replaceChildren(names.length === 0 ? empty("This clip has no scores of its own.") : el("table", {},
      el("caption", {}, `Scores of this clip (${GROUPS[row.group]?.[0].toLowerCase() ?? row.group})`),
      el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col", class: "number" }, head) : el("td"))))),
      el("tbody", {}, names.map((name) => {
        const metric = metricOf(name);
        return el("tr", {}, el("th", { scope: "row", "data-tip": metricTip(metric) || null, tabindex: metricTip(metric) ? 0 : null }, metric.label),
          el("td", { class: "number" }, withUnit(sample.scores?.[name], metric.unit)),
          this.baseSample && el("td", { class: "number" }, withUnit(others[name], metric.unit)));
      }))));
  },

  // What is seen is what is heard.
  update() {
    const shown = this.showsBase ? BASE : "own";
    for (const [name, video] of this.videos) {
      video.classList.toggle("shown", name === shown);
      video.muted = name !== shown || this.silent || !maySound();
    }
    const own = this.cell.column.checkpoint === BASE;
    this.badge.textContent = own || this.showsBase ? "Base" : "LoRA";
    this.badge.classList.toggle("of-base", own || this.showsBase);
    this.flipper.disabled = !this.baseSample;
    this.flipper.firstChild.textContent = own ? "This is the base " : !this.baseSample ? "The base was not sampled " : this.showsBase ? "Flip to the LoRA " : "Flip to the base ";
    const heard = (this.showsBase ? this.baseSample : this.cell.sample).has_audio;
    this.muter.disabled = !heard;
    this.muter.replaceChildren(heard ? (this.silent ? "Sound on " : "Sound off ") : "Without sound ", el("kbd", {}, "m"));
  },
  flip() {
    if (!this.baseSample) return;
    this.showsBase = !this.showsBase;
    this.update();
  },
  mute() {
    this.silent = !this.silent;
    this.update();
  },

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isRange = event.target.type === "range";
    const move = ARROWS[event.key];
    if (move && !isRange) {
      event.preventDefault();
      this.move(move);
    } else if (event.key === "b") this.flip();
    else if (event.key === "m") this.mute();
    else if (event.key === "s") this.nextSeed();
  },
  nextSeed() {
    const seeds = unique(evaluation.samples.map((sample) => sample.seed)).sort(byNumber);
    const { row, column } = this.cell;
    const next = seeds[(seeds.indexOf(grid.state.seed) + 1) % seeds.length];
    if (!content.clips[sampleAt(row, column, next)?.clip]) return;
    grid.state.seed = next;
    grid.redraw();
    const same = grid.cells.flat().find((cell) => cell.row.group === row.group && cell.row.prompt === row.prompt && cell.row.place === row.place && cell.column.label === column.label);
    this.open(same);
  },

  onClose() {
    for (const video of this.videos.values()) dropVideo(video);
    this.videos = new Map();
    player.focusOn(null);
    if (!this.wasPlaying) player.pause();
    grid.focus(this.cell);
  },
};
