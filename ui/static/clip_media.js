// What is seen of a clip: its poster, and in its place the video while somebody plays it; beside it, on the same clock,
// the reference or mask that belongs to it. Nothing is loaded before it is wanted.
{
  const make = (...words) => window.studio.make(...words);
  const HOVER_MS = 350;
  let playing = null; // the one clip of the page that plays

  class ClipMedia {
    constructor() {
      this.stage = make("div", { className: "cg-stage" });
      this.chips = make("div", { className: "cg-chips", role: "group", "aria-label": "Shown beside the clip" });
      this.element = make("div", { className: "cg-media" }, this.stage, this.chips);
      this.stage.addEventListener("mouseenter", () => this.hover(true));
      this.stage.addEventListener("mouseleave", () => this.hover(false));
      this.beside = "";
    }

    show(clip) {
      const shown = JSON.stringify([clip.media, clip.poster, clip.sound, clip.references, clip.masks]);
      if (shown === this.shown) return;
      this.shown = shown;
      this.clip = clip;
      this.stop();
      this.companions = new Map([
        ...clip.references.map((one) => [one.signal || "reference", one]),
        ...clip.masks.map((one, number) => [clip.masks.length > 1 ? `mask ${number + 1}` : "mask", one]),
      ]);
      if (!this.companions.has(this.beside)) this.beside = this.companions.keys().next().value ?? "";
      this.chips.replaceChildren(...[...this.companions.keys()].map((name) => this.chip(name)));
      this.chips.hidden = this.companions.size < 2;
      this.draw();
    }

    chip(name) {
      const chip = make("button", { type: "button", className: "cg-chip", "aria-pressed": String(name === this.beside) }, name);
      chip.addEventListener("click", () => {
        this.beside = name;
        for (const one of this.chips.children) one.setAttribute("aria-pressed", String(one === chip));
        this.stop();
        this.draw();
      });
      return chip;
    }

    draw() {
      const companion = this.companions.get(this.beside);
      this.panes = [this.pane(this.clip, ""), companion && this.pane(companion, this.beside)].filter(Boolean);
      const button = this.canPlay() && make("button", { type: "button", className: "cg-play", "aria-label": `Play ${this.clip.name}` });
      if (button) button.addEventListener("click", () => this.play(false));
      this.stage.replaceChildren(...this.panes.map((pane) => pane.element), ...(button ? [button] : []));
      this.stage.classList.toggle("cg-paired", this.panes.length > 1);
    }

    pane(media, label) {
      const element = make("div", { className: "cg-pane" });
      const kind = media.kind;
      const still = media.poster && make("img", { src: window.studio.address(media.poster), loading: "lazy", alt: "", className: "cg-poster" });
      if (still) still.addEventListener("error", () => still.replaceWith(nothing("No picture")));
      element.append(still || nothing(kind === "sound" ? "Sound" : media.media ? "No picture" : "Not shown"));
      if (label) element.append(make("span", { className: "cg-label" }, label));
      return { element, media, kind, still };
    }

    canPlay() {
      return Boolean(this.clip.media) && (this.clip.kind !== "image" || [...this.companions.values()].some((one) => one.kind === "video"));
    }

    hover(inside) {
      clearTimeout(this.waiting);
      if (inside && this.canPlay() && this.clip.kind === "video" && !this.players)
        this.waiting = setTimeout(() => this.play(true), HOVER_MS);
      if (!inside && this.muted) this.stop();
    }

    play(muted) {
      clearTimeout(this.waiting);
      if (playing && playing !== this) playing.stop();
      this.stop();
      playing = this;
      this.muted = muted;
      this.stage.classList.toggle("cg-hover", muted);
      const players = this.panes.filter((pane) => pane.kind !== "image" && pane.media.media).map((pane) => this.player(pane, muted));
      this.players = players;
      if (!players.length) return;
      const [first, ...others] = players;
      first.controls = !muted;
      for (const event of ["play", "pause", "seeked", "ratechange"]) first.addEventListener(event, () => follow(first, others));
      if (others.length) {
        const sound = others.filter((one) => one.dataset.replaces);
        first.muted = muted || sound.length > 0;
        this.drift = setInterval(() => keep(first, others), 250);
      }
      if (!muted) first.focus?.({ preventScroll: true });
      first.play().catch(() => {});
    }

    player(pane, muted) {
      const isSound = pane.kind === "sound";
      const player = make(isSound ? "audio" : "video", { preload: "auto", className: "cg-player", "aria-label": `${pane.media.name ?? this.clip.name}` });
      player.src = window.studio.address(pane.media.media);
      player.loop = true;
      player.playsInline = true;
      player.muted = muted || pane.media !== this.clip;
      player.addEventListener("error", () => {
        pane.element.append(make("span", { className: "cg-fault" }, "This browser cannot play the file; training can read it."));
        player.remove();
      });
      pane.element.classList.add("cg-playing");
      pane.element.append(player);
      if (pane.media === this.clip && this.clip.sound) this.addSound(pane, player, muted);
      return player;
    }

    // A sound that replaces the video's own.
    addSound(pane, player, muted) {
      const sound = make("audio", { preload: "auto" });
      sound.src = window.studio.address(this.clip.sound);
      sound.muted = muted;
      player.muted = true;
      pane.element.append(sound);
      for (const event of ["play", "pause", "seeked"]) player.addEventListener(event, () => follow(player, [sound]));
    }

    stop() {
      clearTimeout(this.waiting);
      clearInterval(this.drift);
      for (const pane of this.panes ?? []) {
        for (const player of pane.element.querySelectorAll("video, audio")) {
          player.pause();
          player.removeAttribute("src");
          player.load();
          player.remove();
        }
        pane.element.classList.remove("cg-playing");
      }
      this.players = null;
      this.muted = false;
      if (playing === this) playing = null;
    }
  }

  function nothing(text) {
    return make("span", { className: "cg-nothing" }, text);
  }

  function follow(first, others) {
    for (const one of others) {
      one.currentTime = first.currentTime;
      if (first.paused) one.pause();
      else one.play().catch(() => {});
    }
  }

  function keep(first, others) {
    for (const one of others) if (Math.abs(one.currentTime - first.currentTime) > 0.12) one.currentTime = first.currentTime;
  }

  window.studio.ClipMedia = ClipMedia;
}
