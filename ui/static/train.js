// The train page: the machine, the queue, the list of runs, the chosen run, its log.
{
  const make = (...words) => window.studio.make(...words);

  // Draws a part whenever its value changes; the button that had the focus keeps it.
  const part = (draw) => (root, tools) => {
    root.classList.add("train");
    const redraw = () => {
      const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
      root.replaceChildren(...draw(tools.props.value ?? {}, tools).filter(Boolean));
      if (focused) [...root.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus({ preventScroll: true });
    };
    redraw();
    tools.watch("value", redraw);
  };
  const button = (text, key, act, options = {}) => make("button", { type: "button", className: "tr-button", data: { key }, on: { click: act }, ...options }, text);
  const head = (text, ...more) => make("div", { className: "tr-head" }, make("h3", {}, text), ...more);
  const chip = (text, tone) => make("span", { className: "tr-chip", data: { tone } }, text);
  const bar = (share, className = "") => {
    const fill = make("i", {});
    fill.style.width = `${(100 * share).toFixed(2)}%`;
    return make("span", { className: `tr-bar ${className}` }, fill);
  };

  window.studio.trainMachine = part(({ devices = [] }) => [
    devices.length ? head("Machine") : null,
    ...devices.map((one) => make("div", { className: "tr-device" },
      make("div", { className: "tr-line" }, make("span", { className: "tr-name", title: one.name }, one.name), make("span", { className: "tr-dim tr-cut", title: one.job }, one.job)),
      ...one.bars.map((each) => make("div", { className: "tr-gauge" }, make("span", { className: "tr-dim" }, each.name), bar(each.share, each.name === "memory" && each.share > 0.95 ? "tr-full" : ""), make("span", { className: "tr-number" }, each.text))),
      one.more ? make("div", { className: "tr-dim tr-small" }, one.more) : null)),
  ]);

  window.studio.trainJobs = part(({ jobs = [] }, { trigger }) => [
    head("Queue"),
    jobs.length ? null : make("div", { className: "tr-dim tr-small" }, "Nothing runs and nothing waits."),
    ...jobs.map((one) => make("div", { className: "tr-job" },
      make("div", { className: "tr-line" }, make("span", { className: "tr-name", title: one.title }, one.title), chip(one.state, one.tone)),
      make("div", { className: "tr-line" },
        make("span", { className: "tr-dim tr-small tr-cut", title: one.error || one.detail }, one.error || one.detail),
        make("span", { className: "tr-actions" },
          one.stop ? button(one.stop, `stop ${one.id}`, () => trigger("stop", { id: one.id }), { "aria-label": `${one.stop}: ${one.title}` }) : null,
          button("Log", `log ${one.id}`, () => {
            trigger("log", { id: one.id });
            document.getElementById("train-log")?.scrollIntoView({ behavior: "smooth", block: "nearest" });
          }, { "aria-label": `Log of ${one.title}` }))))),
  ]);

  window.studio.trainRuns = part(({ rows = [], page = 0, pages = 1, total = 0 }, { trigger }) => [
    head("Runs", total ? make("span", { className: "tr-dim tr-small" }, String(total)) : null),
    rows.length ? null : make("div", { className: "tr-dim tr-small" }, "There are no runs yet."),
    ...rows.map((one) => make("button", {
      type: "button", className: "tr-run", "aria-current": String(one.chosen), data: { key: `run ${one.name}` }, on: { click: () => trigger("choose", { run: one.name }) },
    },
    make("span", { className: "tr-line" }, make("span", { className: "tr-name", title: one.name }, one.name), chip(one.state, one.tone)),
    one.steps ? make("span", { className: "tr-line" }, bar(one.share), make("span", { className: "tr-number tr-dim" }, one.steps)) : null)),
    pages > 1 ? make("div", { className: "tr-line tr-foot" },
      button("Newer", "newer", () => trigger("turn", { page: page - 1 }), { disabled: page === 0 }),
      make("span", { className: "tr-dim tr-small" }, `page ${page + 1} of ${pages}`),
      button("Older", "older", () => trigger("turn", { page: page + 1 }), { disabled: page >= pages - 1 })) : null,
  ]);

  window.studio.trainRun = part((run) => {
    if (run.name === undefined) return [];
    if (!run.name) return [make("div", { className: "empty" }, make("strong", {}, "Nothing has been trained yet"), "Choose a recipe and a dataset on the Recipe page and start it: the run appears here by itself, with its progress, curves and samples.")];
    const percent = Math.floor(100 * run.share);
    const progress = make("div", { className: "tr-progress", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(percent), "aria-label": "Steps done" }, bar(run.share, run.working ? "tr-big tr-working" : "tr-big"), make("span", { className: "tr-number" }, `${percent} %`));
    return [
      run.failure ? make("div", { className: "notice notice-bad tr-failure", role: "alert" }, make("strong", {}, "What went wrong"), make("p", {}, run.failure.text), run.failure.fix ? make("strong", {}, "What to do") : null, run.failure.fix ? make("p", {}, run.failure.fix) : null) : null,
      make("div", { className: "tr-title" }, make("h2", { title: run.name }, run.name), chip(run.state, run.tone)),
      progress,
      make("dl", { className: "tr-figures" }, ...run.figures.map((one) => make("div", {}, make("dt", {}, one.name), make("dd", { title: one.value }, one.value)))),
      run.note ? make("p", { className: "tr-dim" }, run.note) : null,
      run.advice ? make("div", { className: "notice notice-info" }, run.advice) : null,
    ];
  });

  // The log keeps its place while somebody reads further up, and follows the end otherwise.
  window.studio.trainLog = (root, { props, trigger, watch }) => {
    root.classList.add("train");
    const title = make("h3", {});
    const back = button("Back to the run's log", "back", () => trigger("back", {}));
    const pre = make("pre", { tabindex: "0", "aria-label": "Log" });
    const empty = make("div", { className: "tr-dim tr-small" });
    const command = make("code", {});
    const shown = make("details", { className: "tr-command" }, make("summary", {}, "Command"), command);
    const copy = button("Copy", "copy", async () => {
      await navigator.clipboard?.writeText(pre.textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    }, { "aria-label": "Copy the log" });
    root.replaceChildren(make("div", { className: "tr-head" }, title, make("span", { className: "tr-actions" }, back, copy)), empty, pre, shown);
    const draw = () => {
      const value = props.value ?? {};
      const none = !value.text;
      root.hidden = none && !value.empty;
      title.textContent = value.title ? `Log: ${value.title}` : "Log";
      back.hidden = !value.of_job;
      copy.hidden = pre.hidden = none;
      empty.hidden = !none;
      empty.textContent = value.empty ?? "";
      shown.hidden = !value.command;
      command.textContent = value.command ?? "";
      if (pre.textContent === (value.text ?? "")) return;
      const follows = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 24;
      pre.textContent = value.text ?? "";
      if (follows) pre.scrollTop = pre.scrollHeight;
    };
    draw();
    watch("value", draw);
  };

  // A strip of the newest samples: a poster each, which becomes a player when it is pressed.
  window.studio.trainSamples = part(({ step = "", items = [] }) => {
    if (!items.length) return [];
    const { address } = window.studio;
    const player = (one) => {
      const film = make("video", { controls: true, loop: true, playsinline: true, autoplay: true, src: address(one.url), poster: address(one.poster) });
      film.setAttribute("aria-label", one.name);
      return film;
    };
    const picture = (one) => {
      const image = make("img", { src: address(one.kind === "still" ? one.url : one.poster), alt: one.name, loading: "lazy" });
      if (one.kind === "still") return image;
      const press = make("button", { type: "button", className: "tr-poster", "aria-label": `Play ${one.name}` }, image, make("span", { className: "tr-play", "aria-hidden": "true" }, "▶"));
      press.addEventListener("click", () => press.replaceWith(player(one)));
      return press;
    };
    return [
      head("Newest samples", make("span", { className: "tr-dim tr-small" }, step === "0" ? "before the first step" : `step ${step}`)),
      make("div", { className: "tr-strip" }, ...items.map((one) => make("figure", {},
        one.kind === "sound" ? make("audio", { controls: true, preload: "none", src: address(one.url), "aria-label": one.name }) : picture(one),
        make("figcaption", { title: one.name }, one.name)))),
    ];
  });
}
