// The tries of a run: what was asked for, and the videos with and without the LoRAs on one clock.
{
  const { make } = window.studio;
  const button = (text, act, options = {}) => make("button", { type: "button", className: "try-button", on: { click: act }, ...options }, text);
  const SOUNDS = [["with", "with LoRA"], ["without", "without"], ["", "off"]];

  // Width over height, frames and rate, from a size such as 960x544x49 or 4s.
  const shape = (one) => {
    const [width, height, frames] = one.size.split("x").map(Number);
    if (frames) return { ratio: `${one.wide ? 2 * width : width} / ${height}`, frames, fps: one.fps };
    return { ratio: "4 / 1", frames: Math.max(1, Math.round(parseFloat(one.size) * 25)), fps: 25 };
  };

  // A video with its poster, or a sound; it is loaded when it is first played.
  const screen = (medium, title, one) => {
    const { ratio } = shape(one);
    if (!medium) return null;
    const media = document.createElement(medium.sound ? "audio" : "video");
    Object.assign(media, { preload: "none", muted: true, playsInline: true, disablePictureInPicture: true });
    if (medium.poster) media.poster = window.studio.address(medium.poster);
    media.src = window.studio.address(medium.url);
    const link = make("a", { href: medium.url, download: medium.name, className: "try-save", title: "Download" }, "Download");
    const view = make("div", { className: "try-screen" }, media, medium.sound ? make("span", { className: "try-wave" }, "sound alone") : null);
    view.style.setProperty("--shape", ratio);
    media.addEventListener("loadedmetadata", () => { if (media.videoWidth) view.style.setProperty("--shape", `${media.videoWidth} / ${media.videoHeight}`); });
    media.addEventListener("error", () => view.replaceChildren(make("span", { className: "try-wave" }, "This file cannot be played here: download it.")));
    return { media, element: make("figure", { className: "try-figure" }, make("figcaption", {}, title, link), view) };
  };

  const players = (one) => {
    const clock = clipClock();
    const sides = { with: screen(one.with, one.loras.length ? "With LoRA" : "Base model", one), without: screen(one.without, "Without", one) };
    const shown = Object.entries(sides).filter(([, side]) => side);
    if (!shown.length) return null;
    const clip = shape(one);
    let begun = false;
    const begin = () => {
      if (begun) return;
      begun = true;
      for (const [, side] of shown) { side.media.preload = "auto"; clock.add(side.media, clip); }
    };
    const hear = (name) => {
      for (const [key, side] of shown) side.media.muted = key !== name;
      for (const one of sounds) one.setAttribute("aria-pressed", String(one.dataset.side === name));
    };
    const sounds = one.silent ? [] : SOUNDS.filter(([key]) => !key || sides[key]).map(([key, text]) =>
      button(shown.length > 1 || !key ? text : "on", () => hear(key), { data: { side: key } }));
    const play = button("Play", () => { begin(); clock.toggle(); }, { className: "try-button try-play" });
    const scrub = make("input", { type: "range", min: "0", max: String(clip.frames - 1), value: "0", "aria-label": "Frame", on: { input: () => { const frame = Number(scrub.value); begin(); clock.stop(frame); } } });
    const time = make("output", { className: "try-time" });
    const draw = () => {
      play.textContent = clock.playing ? "Pause" : "Play";
      scrub.value = String(clock.frame);
      time.textContent = `${(Math.min(clock.frame + 1, clip.frames) / clip.fps).toFixed(1)} s`;
    };
    clock.watchers.push(draw);
    draw();
    hear(shown[0][0]);
    const heard = one.silent ? make("span", { className: "try-quiet" }, "no sound: the base model's sound was not built") : make("span", { className: "try-sounds", role: "group", "aria-label": "Sound" }, "Sound", ...sounds);
    return {
      stop: () => { if (clock.playing) clock.pause(); for (const [, side] of shown) { side.media.removeAttribute("src"); side.media.load(); } },
      element: make("div", {},
        make("div", { className: "try-pair" }, ...shown.map(([, side]) => side.element)),
        make("div", { className: "try-bar", role: "group", "aria-label": "Both videos" }, play, scrub, time, heard)),
    };
  };

  const failure = (error) => make("div", { className: "try-error" },
    make("strong", {}, error.text), error.fix ? make("p", {}, error.fix) : null,
    make("details", {}, make("summary", {}, "Log"), make("pre", {}, error.log)));

  const WORDS = { queued: "waiting", running: "running", finished: "", failed: "failed", stopped: "stopped", lost: "lost" };

  const entry = (one, trigger) => {
    const shown = players(one);
    const active = one.state === "queued" || one.state === "running";
    // Asks once more before something is deleted.
    const remove = button("Delete", () => {
      if (remove.dataset.sure) return trigger("remove", { id: one.id });
      remove.dataset.sure = "yes";
      remove.textContent = "Delete for good";
      remove.classList.add("try-sure");
      setTimeout(() => { delete remove.dataset.sure; remove.textContent = "Delete"; remove.classList.remove("try-sure"); }, 4000);
    });
    const when = one.created ? new Date(one.created * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    const element = make("article", { className: "try-card", data: { state: one.state, id: one.id } },
      make("p", { className: "try-prompt" }, one.prompt),
      make("p", { className: "try-facts" }, [...one.lines, ...(one.loras.length ? one.loras : ["no LoRA"]), when].filter(Boolean).join(" \u00b7 ")),
      WORDS[one.state] ? make("span", { className: `try-state try-${one.state}` }, WORDS[one.state]) : null,
      one.news ? make("p", { className: "try-news" }, one.news) : null,
      one.error ? failure(one.error) : null,
      shown?.element,
      make("div", { className: "try-actions" },
        button("Use these settings again", () => trigger("again", { id: one.id })),
        active ? button("Stop", () => trigger("stop", { id: one.id })) : remove,
        one.command ? make("details", { className: "try-command" }, make("summary", {}, "Command"), make("code", {}, one.command)) : null));
    return { element, stop: () => shown?.stop() };
  };

  window.studio.tryHistory = (root, { props, trigger, watch }) => {
    root.classList.add("tries");
    const cards = new Map(); // id -> {text, element, stop}; a card that has not changed keeps playing
    const list = make("div", { className: "try-list" });
    const pager = make("nav", { className: "try-pager", "aria-label": "Pages of tries" });
    let asked = null; // the page that was turned to; what comes from a look at the page before is passed over
    const isOld = (value) => asked && value.run === asked.run && value.total === asked.total && value.page !== asked.page && Date.now() < asked.until;
    const draw = () => {
      const value = props.value ?? {};
      if (isOld(value)) return;
      const tries = value.tries ?? [];
      const wanted = new Set(tries.map((one) => one.id));
      for (const [id, card] of cards) if (!wanted.has(id)) { card.stop(); cards.delete(id); }
      for (const one of tries) {
        const text = JSON.stringify(one);
        if (cards.get(one.id)?.text === text) continue;
        cards.get(one.id)?.stop();
        cards.set(one.id, { text, ...entry(one, trigger) });
      }
      const elements = tries.map((one) => cards.get(one.id).element);
      if (elements.length !== list.children.length || elements.some((element, number) => list.children[number] !== element)) list.replaceChildren(...elements);
      const turnTo = (page) => {
        asked = { run: value.run, total: value.total, page, until: Date.now() + 10000 };
        trigger("turn", { page });
      };
      const turn = (text, page) => button(text, () => turnTo(page), { disabled: page < 0 || page >= value.pages });
      pager.replaceChildren(...(value.pages > 1 ? [turn("Newer", value.page - 1), make("span", {}, `${value.page + 1} of ${value.pages}`), turn("Older", value.page + 1)] : []));
      root.replaceChildren(...(tries.length ? [list, pager] : [make("div", { className: "empty" }, value.empty ?? "")]));
    };
    draw();
    watch("value", draw);
  };
}
