// What plays in the grid of samples: players, the transport above them, icons and hints of keys.
{
  const make = (...words) => window.studio.make(...words);
  const ICONS = {
    play: "M4 2.5v11l9-5.5z",
    pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
    sound: "M2 6v4h3l4 3.5v-11L5 6zM11 5.2a4 4 0 0 1 0 5.6l-.7-.7a3 3 0 0 0 0-4.2zM12.8 3.2a7 7 0 0 1 0 9.6l-.7-.7a6 6 0 0 0 0-8.2z",
    enlarge: "M2 2h5v1.5H3.5V7H2zM14 14H9v-1.5h3.5V9H14z",
  };

  window.studio.resultsIcon = (name) => {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", ICONS[name]);
    for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 16, height: 16, fill: "currentColor", "aria-hidden": "true" })) picture.setAttribute(key, value);
    picture.append(path);
    return picture;
  };

  window.studio.resultsKeys = (hints) => hints.map(([keys, text]) => make("span", {}, ...keys.split(" ").map((key) => make("kbd", {}, key)), ` ${text}`));

  // A muted player of a sample; `clip` is what the clock needs to know of it, put right once its length is known.
  window.studio.resultsPlayer = (sample) => {
    const isSound = sample.kind === "sound";
    const player = document.createElement(isSound ? "audio" : "video");
    player.clip = { frames: sample.frames || 1, fps: sample.fps || 24 };
    player.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(player.duration) && (isSound || !sample.frames)) player.clip.frames = Math.max(1, Math.round(player.duration * player.clip.fps));
    });
    player.muted = true;
    player.preload = "auto";
    if (!isSound) Object.assign(player, { playsInline: true, disablePictureInPicture: true });
    player.src = window.studio.address(sample.url);
    return player;
  };
  window.studio.resultsDrop = (player, clock) => {
    clock.remove(player);
    player.removeAttribute("src");
    player.load();
    player.remove();
  };

  // Play, frame steps and a scrubber on a clock. `start` lets the videos load before the clock moves.
  window.studio.resultsControls = (clock, start, least = () => 1) => {
    const button = (text, name, key, act) => make("button", { type: "button", className: "rg-button", "aria-label": name, title: `${name} (${key})`, on: { click: () => { start(); act(); } } }, text);
    const play = button("", "Play", "space", () => clock.toggle());
    play.classList.add("rg-play");
    const scrub = make("input", { type: "range", min: "0", max: "0", value: "0", "aria-label": "Frame", on: { input: () => { const frame = Number(scrub.value); start(); clock.stop(frame); } } });
    const time = make("output", { className: "rg-time" });
    const draw = () => {
      const frames = Math.max(clock.frames, least());
      const name = clock.playing ? "Pause" : "Play";
      if (play.getAttribute("aria-label") !== name || !play.firstChild?.tagName) {
        play.setAttribute("aria-label", name);
        play.title = `${name} (space)`;
        play.replaceChildren(window.studio.resultsIcon(clock.playing ? "pause" : "play"));
      }
      const shown = `${clock.frame + 1} / ${frames}`;
      if (time.textContent === shown) return;
      scrub.max = String(frames - 1);
      scrub.value = String(clock.frame);
      scrub.setAttribute("aria-valuetext", `frame ${clock.frame + 1} of ${frames}`);
      time.textContent = shown;
    };
    clock.watchers.push(draw);
    draw();
    return [play, button("\u2039", "Previous frame", ",", () => clock.step(-1)), button("\u203a", "Next frame", ".", () => clock.step(1)), scrub, time];
  };

  // The bar above the grid: the clock, which cell sounds, and the windows of rows and columns.
  window.studio.resultsTransport = (grid) => {
    const least = () => Math.max(1, ...(grid.value?.rows ?? []).flatMap((row) => row.cells).map((sample) => sample?.frames ?? 1));
    const sound = make("button", { type: "button", className: "rg-button rg-mute", on: { click: () => grid.hear(null) } });
    const note = make("span", { className: "rg-say", role: "status" });
    const windows = make("span", { className: "rg-windows" });
    const element = make("div", { className: "rg-bar", role: "group", "aria-label": "All samples" },
      ...window.studio.resultsControls(grid.clock, () => grid.begin(), least), sound, note, windows);
    const turn = (name, window_) => [
      make("button", { type: "button", className: "rg-button", disabled: window_.number === 0, "aria-label": `Earlier ${name}`, title: `Earlier ${name}`, on: { click: () => grid.trigger("turn", { [name]: window_.number - 1 }) } }, "\u2190"),
      make("span", {}, window_.text),
      make("button", { type: "button", className: "rg-button", disabled: window_.number === window_.windows - 1, "aria-label": `Later ${name}`, title: `Later ${name}`, on: { click: () => grid.trigger("turn", { [name]: window_.number + 1 }) } }, "\u2192"),
    ];
    let timer = 0;
    return {
      element,
      say(text) {
        note.textContent = text;
        clearTimeout(timer);
        timer = setTimeout(() => { note.textContent = ""; }, 6000);
      },
      draw() {
        const { heard, value } = grid;
        const any = value.rows.some((row) => row.cells.some((sample) => sample?.sound));
        sound.disabled = !heard;
        sound.replaceChildren(window.studio.resultsIcon("sound"), heard ? ` ${heard.column.label}` : any ? " Silent" : " No sound");
        sound.title = heard ? "Silence it (M)" : any ? "Click a clip to hear it" : "These samples have no sound";
        windows.replaceChildren(...["columns", "rows"].flatMap((name) => (value[`${name.slice(0, -1)}_window`].windows > 1 ? turn(name, value[`${name.slice(0, -1)}_window`]) : [])));
        for (const watcher of grid.clock.watchers) watcher();
      },
    };
  };
}
