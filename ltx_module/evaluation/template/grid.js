// The grid that plays: a row for each prompt, a column for the base and for each checkpoint or strength.
const GROUPS = {
  trigger: ["With the trigger", "What the LoRA was made for: it should show here, and differ from the base."],
  no_trigger: ["Without the trigger", "The same prompts without the trigger: as close to the base as the recipe promises."],
  off_topic: ["Off topic", "Prompts that have nothing to do with the LoRA: these should look like the base."],
  novel: ["Novel", "Subjects that the training clips never showed, with the trigger: the LoRA should carry over."],
};
const BY_CHECKPOINT = "Checkpoint";
const BY_STRENGTH = "Strength";
const MOST_VIDEOS = 60; // browsers refuse more than about 75 open players a page
const HOVER_MS = 120;

const samplesOf = (checkpoint) => evaluation.samples.filter((sample) => sample.checkpoint === checkpoint);
const strengthsOf = (samples) => unique(samples.map((sample) => sample.strength)).sort(byNumber);
const groupsOf = (samples) => unique([...Object.keys(GROUPS), ...samples.map((sample) => sample.group)]);

const grid = {
  cells: [], // rows of {element, sample, column, row}
  columns: [],
  attached: new Map(), // cell element -> video
  waiting: new Set(),
  state: {},

  draw() {
    const section = byId("clips");
    const samples = evaluation.samples;
    if (samples.length === 0) return section.append(empty("No samples were generated."));
    this.state = this.startingState();
    this.controls = el("div", { class: "controls" });
    this.head = el("div", { class: "grid-head", "aria-hidden": "true" }); // each cell's label names its column
    this.body = el("div", { class: "grid-body" });
    this.note = el("p", { class: "help", "aria-live": "polite" });
    this.body.addEventListener("scroll", () => { this.head.scrollLeft = this.body.scrollLeft; }, { passive: true });
    this.body.addEventListener("keydown", (event) => this.onKey(event));
    section.append(
      this.controls,
      el("p", { class: "keys" }, el("span", {}, "Click a clip to enlarge it."), keyHints([["arrows", "move"], ["Enter", "enlarge"], ["b", "flip to the base, when enlarged"], ["space", "play or pause"], [", .", "frame by frame"]])),
      this.note,
      el("div", { class: "sticky" }, transport("All clips"), this.head),
      this.body,
    );
    this.seen = new IntersectionObserver((entries) => this.onSeen(entries), { rootMargin: "250px 0px" });
    return this.redraw();
  },

  // The view that fills the most cells, preferring what the verdict recommends.
  startingState() {
    const { best } = evaluation.verdict;
    const names = evaluation.checkpoints.map((one) => one.name).filter((name) => samplesOf(name).length);
    const tuned = evaluation.samples.filter((sample) => sample.checkpoint !== BASE);
    const holders = (strength) => unique(tuned.filter((sample) => sameStrength(sample.strength, strength)).map((sample) => sample.checkpoint)).length;
    const distance = (strength) => Math.abs(strength - (best?.strength ?? 1));
    const strengths = strengthsOf(tuned).sort((left, right) => holders(right) - holders(left) || distance(left) - distance(right));
    const most = [...names].sort((left, right) => strengthsOf(samplesOf(right)).length - strengthsOf(samplesOf(left)).length)[0];
    return {
      view: names.length === 1 && strengthsOf(tuned).length > 1 ? BY_STRENGTH : BY_CHECKPOINT,
      strength: strengths[0],
      checkpoint: names.includes(best?.checkpoint) ? best.checkpoint : most,
      seed: unique(evaluation.samples.map((sample) => sample.seed)).sort(byNumber)[0],
      score: this.scoreNames()[0] ?? null,
      sound: true,
    };
  },
  scoreNames() {
    const used = new Set(evaluation.samples.flatMap((sample) => Object.keys(sample.scores ?? {})));
    return unique([...Object.keys(evaluation.metrics), ...used]).filter((name) => used.has(name));
  },

  show(changes) {
    Object.assign(this.state, changes);
    this.redraw();
    byId("clips").scrollIntoView();
  },

  redraw() {
    const focused = this.controls.contains(document.activeElement) ? [...this.controls.querySelectorAll("button, select, input")].indexOf(document.activeElement) : -1;
    this.drawControls();
    if (focused >= 0) this.controls.querySelectorAll("button, select, input")[focused]?.focus();
    for (const [element] of this.attached) this.detach(element);
    this.waiting.clear();
    this.seen.disconnect();
    this.columns = this.currentColumns();
    const columns = `var(--prompt) repeat(${this.columns.length}, minmax(var(--cell), 1fr))`;
    for (const part of [this.head, this.body]) {
      part.style.setProperty("--columns", columns);
      part.style.setProperty("--count", this.columns.length);
    }
    this.head.replaceChildren(el("div", { class: "row" },
      el("div", { class: "corner" }, "Prompt"),
      this.columns.map((column) => el("div", { class: `column${column.checkpoint === BASE ? " of-base" : ""}` }, el("span", {}, column.label), column.best && el("span", { class: "chip" }, "best")))));
    this.cells = [];
    this.body.replaceChildren(...groupsOf(evaluation.samples).flatMap((group) => this.drawGroup(group)));
    this.cells[0]?.[0]?.element.setAttribute("tabindex", 0);
    for (const cell of this.cells.flat()) if (cell.sample) this.seen.observe(cell.element);
    player.announce();
  },

  drawControls() {
    const { state } = this;
    const change = (name) => (value) => { state[name] = value; this.redraw(); };
    const names = evaluation.checkpoints.map((one) => one.name).filter((name) => samplesOf(name).length);
    const tuned = evaluation.samples.filter((sample) => sample.checkpoint !== BASE);
    const seeds = unique(evaluation.samples.map((sample) => sample.seed)).sort(byNumber);
    const sound = el("input", { type: "checkbox", checked: state.sound, on: { change: () => { state.sound = sound.checked; } } });
    this.controls.replaceChildren(
      choice("Columns by", [BY_CHECKPOINT, BY_STRENGTH], state.view, change("view")),
      ...(names.length === 0 ? [] : [state.view === BY_CHECKPOINT
        ? choice("At strength", strengthsOf(tuned), state.strength, change("strength"), strengthText)
        : picker("Of checkpoint", names, state.checkpoint, change("checkpoint"))]),
      choice("Seed", seeds, state.seed, change("seed")),
      ...(this.scoreNames().length ? [picker("Score below", [null, ...this.scoreNames()], state.score, change("score"), (name) => (name ? metricOf(name).label : "none"))] : []),
      el("label", { class: "check" }, sound, "Sound on hover"),
    );
  },

  currentColumns() {
    const { best } = evaluation.verdict;
    const { state } = this;
    const isRecommended = (checkpoint, strength) => best?.checkpoint === checkpoint && sameStrength(best.strength, strength);
    const base = samplesOf(BASE).length ? [{ label: "base", checkpoint: BASE, strength: null }] : [];
    if (state.view === BY_STRENGTH) {
      this.note.textContent = "";
      return base.concat(strengthsOf(samplesOf(state.checkpoint)).map((strength) =>
        ({ label: `strength ${strengthText(strength)}`, checkpoint: state.checkpoint, strength, best: isRecommended(state.checkpoint, strength) })));
    }
    const all = [...evaluation.checkpoints].sort((left, right) => compare(left.step, right.step, false));
    const there = all.filter((one) => samplesOf(one.name).some((sample) => sameStrength(sample.strength, state.strength)));
    const absent = all.filter((one) => !there.includes(one)).map((one) => one.name);
    this.note.textContent = absent.length ? `Not sampled at strength ${strengthText(state.strength)}: ${absent.join(", ")}.` : "";
    return base.concat(there.map((one) => ({ label: one.name, checkpoint: one.name, strength: state.strength, best: isRecommended(one.name, state.strength) })));
  },

  drawGroup(group) {
    const rows = rowsOf(group);
    if (rows.length === 0) return [];
    const [title, text] = GROUPS[group] ?? [words(group), ""];
    return [el("div", { class: "group" }, el("h3", {}, title), el("p", {}, text)),
      el("div", { role: "grid", "aria-label": `Clips: ${title}` }, rows.map((row) => this.drawRow(row)))];
  },
  drawRow(row) {
    const cells = this.columns.map((column) => this.drawCell(row, column));
    this.cells.push(cells);
    return el("div", { class: "row", role: "row" },
      el("div", { class: "prompt", role: "rowheader" }, el("p", {}, ...withTrigger(row.prompt))), cells.map((cell) => cell.element));
  },
  drawCell(row, column) {
    const sample = sampleAt(row, column, this.state.seed);
    const clip = sample && content.clips[sample.clip];
    const shape = clip ?? content.clips.find(Boolean);
    const label = `${column.label}: ${row.prompt}`;
    const frame = el("div", { class: "frame" });
    if (shape) frame.style.aspectRatio = `${shape.width} / ${shape.height}`;
    if (clip && sample.has_audio) frame.append(icon("sound"));
    if (!clip) frame.append(el("span", { class: "missing" }, sample ? sample.problem : "not sampled"));
    const score = sample?.scores?.[this.state.score];
    const element = el("div", { class: `cell${clip ? "" : " absent"}${column.checkpoint === BASE ? " of-base" : ""}`, role: "gridcell", tabindex: -1, "aria-label": clip ? label : `${label}: ${sample ? sample.problem : "not sampled"}` },
      frame, this.state.score && clip && el("p", { class: "score" }, withUnit(score, metricOf(this.state.score).unit)));
    const cell = { element, row, column, sample: clip ? sample : null, clip };
    element.cell = cell;
    if (clip) this.listen(element);
    return cell;
  },

  listen(element) {
    let timer;
    element.addEventListener("click", () => viewer.open(element.cell));
    element.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") timer = setTimeout(() => this.raise(element), HOVER_MS); });
    element.addEventListener("pointerleave", () => { clearTimeout(timer); this.lower(element); });
    element.addEventListener("focus", () => { if (element.matches(":focus-visible")) this.raise(element); });
    element.addEventListener("blur", () => this.lower(element));
  },
  // Enlarges a clip and lets it alone sound.
  raise(element) {
    for (const [other] of this.attached) this.lower(other);
    element.classList.add("raised");
    const video = this.attached.get(element);
    if (video && this.state.sound && maySound()) video.muted = false;
  },
  lower(element) {
    element.classList.remove("raised");
    const video = this.attached.get(element);
    if (video) video.muted = true;
  },

  // A clip is loaded when it comes near the screen and dropped when it leaves.
  onSeen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.waiting.add(target);
      else { this.waiting.delete(target); this.detach(target); }
    }
    for (const element of this.waiting) {
      if (this.attached.size >= MOST_VIDEOS) break;
      this.waiting.delete(element);
      this.attach(element);
    }
  },
  attach(element) {
    if (this.attached.has(element)) return;
    const { clip } = element.cell;
    const video = videoOf(clip, element.getAttribute("aria-label"));
    const frame = element.querySelector(".frame");
    video.addEventListener("error", () => frame.append(el("span", { class: "missing" }, "this browser cannot play it")), { once: true });
    frame.prepend(video);
    this.attached.set(element, video);
    player.add(video, clip);
  },
  detach(element) {
    const video = this.attached.get(element);
    if (!video) return;
    this.attached.delete(element);
    dropVideo(video);
  },

  find(cell, right, down, onlySampled) {
    const row = this.cells.findIndex((cells) => cells.includes(cell));
    let [y, x] = [row + down, this.cells[row].indexOf(cell) + right];
    while (onlySampled && this.cells[y]?.[x] && !this.cells[y][x].sample) [y, x] = [y + down, x + right];
    return this.cells[y]?.[x];
  },
  focus(cell) {
    for (const other of this.cells.flat()) other.element.setAttribute("tabindex", other === cell ? 0 : -1);
    cell.element.focus();
    cell.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  },
  onKey(event) {
    const { cell } = event.target;
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = ARROWS[event.key];
    if (move) {
      event.preventDefault();
      const next = this.find(cell, ...move, false);
      if (next) this.focus(next);
    } else if (event.key === "Enter" && cell.sample) viewer.open(cell);
  },
};

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Clips may share a caption: the n-th sample of a prompt belongs to the n-th row of that prompt.
function sampleAt({ group, prompt, place }, column, seed) {
  return samplesOf(column.checkpoint).filter((sample) => sample.group === group && sample.prompt === prompt && sample.seed === seed
    && (column.checkpoint === BASE || sameStrength(sample.strength, column.strength)))[place];
}

function rowsOf(group) {
  const most = new Map();
  const found = new Map();
  for (const sample of evaluation.samples.filter((one) => one.group === group)) {
    const key = JSON.stringify([sample.checkpoint, sample.strength, sample.seed, sample.prompt]);
    found.set(key, (found.get(key) ?? 0) + 1);
    most.set(sample.prompt, Math.max(most.get(sample.prompt) ?? 0, found.get(key)));
  }
  return [...most].flatMap(([prompt, times]) => Array.from({ length: times }, (_, place) => ({ group, prompt, place })));
}

// The prompt with its trigger marked.
function withTrigger(prompt) {
  const { trigger } = evaluation;
  if (!trigger) return [prompt];
  return prompt.split(trigger).flatMap((part, index) => (index ? [el("mark", {}, trigger), part] : [part]));
}

const keyHints = (hints) => hints.map(([keys, text]) => el("span", {}, keys.split(" ").map((key) => el("kbd", {}, key)), ` ${text}`));
