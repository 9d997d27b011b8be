// The grid of samples: prompts x checkpoints on one clock, with the sound of one cell at a time. Posters come first; a video
// is loaded when playing has begun and its cell is on the screen, and dropped when it leaves.
{
  const MOST_PLAYERS = 48; // browsers refuse more than about 75 open players a page
  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const make = (...words) => window.studio.make(...words);
  const fill = (node, ...children) => node.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));

  // Gives a node these children, moving none that stands in its place already.
  const settle = (parent, children) => {
    children.forEach((child, place) => {
      if (parent.childNodes[place] !== child) parent.insertBefore(child, parent.childNodes[place] ?? null);
    });
    while (parent.childNodes.length > children.length) parent.lastChild.remove();
  };

  class ResultsGrid {
    constructor(root, { props, trigger }) {
      Object.assign(this, { root, props, trigger });
      this.clock = clipClock();
      this.cells = []; // rows of {element, row, column, sample} or null
      this.known = new Map(); // address and place -> cell, so that a redraw keeps what plays
      this.lines = new Map(); // rows, headings of groups and empty places, by name
      this.players = new Map(); // cell -> video or audio
      this.visible = new Set();
      this.heard = null;
      this.started = false;
      this.transport = window.studio.resultsTransport(this);
      this.viewer = window.studio.resultsViewer(this);
      this.notes = make("ul", { className: "rg-notes" });
      this.hint = make("p", { className: "rg-keys" });
      this.hint.append("Click a clip to hear it, double-click to enlarge. ", ...window.studio.resultsKeys([
        ["arrows", "move"], ["space", "play"], [", .", "frame by frame"], ["M", "sound"], ["Enter", "enlarge"], ["F", "favourite"],
      ]));
      this.build();
    }

    build() {
      this.scroll = make("div", { className: "rg-scroll", role: "grid", "aria-label": "Samples, prompts by checkpoints" });
      this.scroll.addEventListener("keydown", (event) => this.onKey(event));
      this.seen = new IntersectionObserver((entries) => this.onSeen(entries), { scrollMargin: "60px" });
    }

    draw() {
      const value = this.value = this.props.value ?? {};
      const focused = this.focused?.id;
      if (!value.rows?.length) {
        this.clear();
        return fill(this.root, value.empty && this.empty(value.empty));
      }
      this.base = value.columns.findIndex((column) => column.base);
      this.shape();
      this.drawRows();
      fill(this.notes, ...(value.problems ?? []).map((text) => make("li", {}, text)));
      if (this.scroll.parentNode !== this.root) fill(this.root, this.transport.element, this.scroll, this.hint, this.notes, this.viewer.dialog);
      this.transport.draw();
      this.focused = this.flat().find((cell) => cell.id === focused) ?? this.flat()[0];
      for (const cell of this.flat()) cell.element.tabIndex = cell === this.focused ? 0 : -1;
      if (!this.known.has(this.heard?.id)) this.heard = null;
      this.viewer.refresh();
      return undefined;
    }
    empty([title, text]) {
      return make("div", { className: "empty" }, make("strong", {}, title), text);
    }
    clear() {
      for (const cell of [...this.players.keys()]) this.detach(cell);
      this.seen.disconnect();
      this.visible.clear();
      this.known.clear();
      this.lines.clear();
      this.cells = [];
      this.viewer.dialog.close();
      this.clock.stop(0);
      this.clock.time = 0;
    }
    flat() {
      return this.cells.flat().filter(Boolean);
    }

    shape() {
      const { columns, rows } = this.value;
      const sized = rows.flatMap((row) => row.cells).find((sample) => sample?.width);
      this.scroll.style.setProperty("--shape", sized ? `${sized.width} / ${sized.height}` : "3 / 1");
      this.scroll.style.setProperty("--count", columns.length);
    }

    // What is still there keeps its element and its place, so that it goes on playing and keeps the focus.
    drawRows() {
      const { columns, rows } = this.value;
      const [before, linesBefore] = [this.known, this.lines];
      [this.known, this.lines] = [new Map(), new Map()];
      const heads = [...(this.scroll.firstChild?.querySelectorAll("button") ?? [])];
      const pressed = heads.indexOf(document.activeElement);
      this.head?.remove();
      this.head = this.drawHead(columns);
      let group = "";
      const parts = [];
      this.cells = rows.map((row) => {
        if (row.group && row.group !== group) parts.push(this.line(linesBefore, row.group, () => make("div", { className: "rg-group" }, make("span", {}, row.group))));
        group = row.group;
        const cells = columns.map((column, index) => row.cells[index] && this.cellOf(before, row, column, row.cells[index]));
        const line = this.line(linesBefore, `row ${row.id}`, () => make("div", { className: "rg-row", role: "row" }, make("div", { className: "rg-prompt", role: "rowheader" }, make("p", {}), make("small", {}))));
        const [text, seeds] = line.firstChild.children;
        Object.assign(text, { textContent: row.prompt, title: row.prompt });
        seeds.textContent = row.seeds;
        settle(line, [line.firstChild, ...cells.map((cell, index) => cell?.element ?? this.line(linesBefore, `none ${row.id} ${columns[index].id}`, () =>
          make("div", { className: `rg-none${columns[index].base ? " rg-base" : ""}`, role: "gridcell" }, "not sampled")))]);
        parts.push(line);
        return cells;
      });
      for (const [id, cell] of before) if (!this.known.has(id)) this.forget(cell);
      settle(this.scroll, [this.head, ...parts]);
      if (pressed >= 0) this.head.querySelectorAll("button")[pressed]?.focus({ preventScroll: true });
    }
    line(before, key, draw) {
      const node = before.get(key) ?? draw();
      this.lines.set(key, node);
      return node;
    }

    drawHead(columns) {
      const both = this.value.runs.length > 1;
      return make("div", { className: "rg-row rg-head", role: "row" },
        make("div", { className: "rg-corner", role: "columnheader" }, "Prompt"),
        ...columns.map((column, index) => {
          const begins = both && index > 0 && columns[index - 1].run !== column.run;
          const head = make("div", { className: `rg-column${column.base ? " rg-base" : ""}${begins ? " rg-begins" : ""}`, role: "columnheader", title: column.detail });
          if (both) head.append(make("small", {}, column.run));
          head.append(make("span", { className: "rg-label" }, column.label));
          if (column.best) head.append(make("span", { className: "rg-chip", title: "The evaluation recommends it" }, "best"));
          if (column.checkpoint) head.append(this.star(column, null));
          return head;
        }));
    }
    star(column, file) {
      const name = column.favourite ? "Favourite: take the mark off" : "Mark as favourite";
      return make("button", {
        type: "button", className: "rg-star", "aria-pressed": String(column.favourite), "aria-label": `${name}: ${column.label}`, title: `${name} (F)`,
        on: { click: (event) => { event.stopPropagation(); this.mark(column, file); } },
      }, column.favourite ? "\u2605" : "\u2606");
    }
    mark(column, file) {
      if (!column.checkpoint) return this.transport.say(`${column.label} has no LoRA file, so it cannot be the favourite.`);
      return this.trigger("mark", { run: column.run, checkpoint: column.checkpoint, strength: column.strength, sample: file ?? "", on: !column.favourite, seen: this.value.versions[column.run] ?? "" });
    }

    cellOf(before, row, column, sample) {
      const id = JSON.stringify([row.id, column.id, sample.url || sample.problem]);
      const cell = before.get(id) ?? { id, element: this.drawCell(sample) };
      if (!before.has(id)) this.listen(cell);
      Object.assign(cell, { row, column, sample });
      cell.element.className = `rg-cell${column.base ? " rg-base" : ""}${sample.favourite ? " rg-chosen" : ""}${sample.url ? "" : " rg-broken"}${cell === this.heard ? " rg-heard" : ""}`;
      cell.element.setAttribute("aria-label", `${column.label}: ${row.prompt}${sample.problem ? `; ${sample.problem}` : ""}`);
      this.known.set(id, cell);
      return cell;
    }
    drawCell(sample) {
      const screen = make("div", { className: `rg-screen rg-of-${sample.kind}` });
      if (sample.poster) screen.append(make("img", { src: window.studio.address(sample.poster), loading: "lazy", alt: "", draggable: false, on: { error: (event) => event.target.remove() } }));
      else if (sample.kind === "sound") screen.append(window.studio.resultsIcon("sound"));
      if (sample.problem) screen.append(make("span", { className: sample.url ? "rg-flag" : "rg-problem", title: sample.problem }, sample.url ? "!" : sample.problem));
      return make("div", { role: "gridcell", tabIndex: -1 }, screen);
    }
    listen(cell) {
      const { element } = cell;
      element.addEventListener("focus", () => { this.focused = cell; });
      this.seen.observe(element);
      element.cell = cell;
      element.addEventListener("click", () => this.choose(cell));
      element.addEventListener("dblclick", () => this.viewer.open(cell));
      const button = (name, icon, act) => make("button", {
        type: "button", className: `rg-${icon}`, tabIndex: -1, "aria-label": name, title: name, on: { click: (event) => { event.stopPropagation(); act(); } },
      }, window.studio.resultsIcon(icon));
      queueMicrotask(() => {
        if (!cell.sample.url) return;
        if (cell.sample.sound) element.append(button("Sound of this one", "sound", () => { this.focus(cell); this.hear(this.heard === cell ? null : cell); this.begin(); }));
        element.append(button("Enlarge", "enlarge", () => { this.focus(cell); this.viewer.open(cell); }));
      });
    }
    choose(cell) {
      this.focus(cell);
      if (!cell.sample.url) return;
      if (cell.sample.sound) this.hear(cell);
      if (!this.started) this.toggle();
    }

    // Only the heard cell sounds; while a sample is enlarged, the viewer decides.
    hear(cell) {
      this.heard?.element.classList.remove("rg-heard");
      this.heard = cell;
      cell?.element.classList.add("rg-heard");
      this.unmute();
      this.transport.draw();
    }
    unmute() {
      for (const [cell, player] of this.players) player.muted = this.viewer.dialog.open || cell !== this.heard;
    }

    begin() {
      if (this.started) return;
      this.started = true;
      this.fillScreen();
    }
    toggle() {
      this.begin();
      this.clock.toggle();
    }
    step(frames) {
      this.begin();
      this.clock.step(frames);
    }

    onSeen(entries) {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.visible.add(target.cell);
        else {
          this.visible.delete(target.cell);
          this.detach(target.cell);
        }
      }
      if (this.root.isConnected) this.fillScreen();
      else this.clear(); // the page has put another grid in its place
    }
    fillScreen() {
      if (!this.started) return;
      for (const cell of this.visible) if (this.players.size < MOST_PLAYERS) this.attach(cell);
    }
    attach(cell) {
      const { sample, element } = cell;
      if (this.players.has(cell) || !sample.url || element.classList.contains("rg-broken")) return;
      const player = window.studio.resultsPlayer(sample);
      player.muted = this.viewer.dialog.open || cell !== this.heard;
      player.addEventListener("error", () => this.fail(cell), { once: true });
      player.addEventListener("loadeddata", () => element.classList.add("rg-loaded"), { once: true });
      element.querySelector(".rg-screen").append(player);
      this.players.set(cell, player);
      this.clock.add(player, player.clip);
    }
    detach(cell) {
      const player = this.players.get(cell);
      if (!player) return;
      this.players.delete(cell);
      cell.element.classList.remove("rg-loaded");
      window.studio.resultsDrop(player, this.clock);
    }
    fail(cell) {
      if (!this.players.has(cell)) return;
      this.detach(cell);
      cell.element.classList.add("rg-broken");
      cell.element.querySelector(".rg-screen").append(make("span", { className: "rg-problem" }, "this browser cannot play it"));
    }
    forget(cell) {
      this.detach(cell);
      this.visible.delete(cell);
      this.seen.unobserve(cell.element);
    }

    // The next cell in a direction that holds a sample.
    next(cell, [right, down]) {
      let y = this.cells.findIndex((cells) => cells.includes(cell));
      let x = this.cells[y]?.indexOf(cell) ?? -1;
      do [x, y] = [x + right, y + down]; while (this.cells[y] && x >= 0 && x < this.cells[y].length && !this.cells[y][x]);
      return this.cells[y]?.[x] ?? null;
    }
    focus(cell) {
      if (this.focused) this.focused.element.tabIndex = -1;
      this.focused = cell;
      cell.element.tabIndex = 0;
      cell.element.focus({ preventScroll: true });
      cell.element.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    onKey(event) {
      const { cell } = event.target;
      if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.toLowerCase();
      if (MOVES[event.key]) {
        const next = this.next(cell, MOVES[event.key]);
        if (next) this.focus(next);
      } else if (key === " ") this.toggle();
      else if (key === ",") this.step(-1);
      else if (key === ".") this.step(1);
      else if (key === "enter") this.viewer.open(cell);
      else if (key === "m") this.hear(this.heard === cell || !cell.sample.sound ? null : cell);
      else if (key === "f") this.mark(cell.column, cell.sample.file);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
  }

  window.studio.resultsGrid = (root, parts) => {
    root.classList.add("rg");
    const grid = new ResultsGrid(root, parts);
    grid.draw();
    parts.watch("value", () => grid.draw());
  };
  window.studio.resultsMoves = MOVES;
}
