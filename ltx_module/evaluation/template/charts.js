// Line charts in inline SVG: metrics over strength, held-out loss over sigma.
const CHART = { height: 280, left: 52, right: 14, top: 30, bottom: 42 };
const SERIES_COLOURS = 8;

function drawCurves() {
  const section = byId("curves");
  section.append(el("h3", {}, "Strength sweep"), ...strengthSweep());
  section.append(el("h3", {}, "Held-out loss by sigma"), ...heldOutLoss());
}

function strengthSweep() {
  const swept = evaluation.checkpoints.filter((one) => Object.keys(one.by_strength ?? {}).length > 0);
  const names = unique([...Object.keys(evaluation.metrics), ...swept.flatMap((one) => Object.values(one.by_strength).flatMap(Object.keys))])
    .filter((name) => swept.some((one) => Object.values(one.by_strength).some((scores) => isNumber(scores[name]))));
  if (names.length === 0) return [empty("No checkpoint was sampled at several strengths.")];
  const figure = el("div");
  const help = el("p", { class: "help" });
  const best = evaluation.verdict.best;
  const draw = (name) => {
    const metric = metricOf(name);
    help.textContent = metricTip(metric);
    const series = swept.map((one) => ({
      name: one.name, colour: colourOf(one), strong: one.name === best?.checkpoint,
      points: Object.entries(one.by_strength).map(([strength, scores]) => [Number(strength), scores[name]])
        .filter(([, y]) => isNumber(y)).sort((left, right) => left[0] - right[0]),
    }));
    const value = evaluation.base_scores?.[name];
    const strengths = unique(series.flatMap((one) => one.points.map(([x]) => x))).sort(byNumber);
    if (isNumber(value)) series.unshift({ name: BASE, base: true, points: strengths.map((strength) => [strength, value]) });
    figure.replaceChildren(chart({
      label: `${metric.label} over strength`, xLabel: "strength", yLabel: metric.unit ? `${metric.label} (${metric.unit})` : metric.label,
      series, zero: metric.better === "near_zero", marked: best?.strength, markedText: "best", xText: strengthText,
    }));
  };
  draw(names[0]);
  return [el("div", { class: "controls" }, picker("Metric", names, names[0], draw, (name) => metricOf(name).label)), help, figure];
}

function heldOutLoss() {
  const measured = evaluation.checkpoints.filter((one) => Object.keys(one.held_out_loss ?? {}).length > 0);
  const base = evaluation.checkpoints.map((one) => one.base_held_out_loss).find((loss) => Object.keys(loss ?? {}).length > 0) ?? {};
  const modalities = unique([...Object.keys(base), ...measured.flatMap((one) => Object.keys(one.held_out_loss))])
    .filter((modality) => [base, ...measured.map((one) => one.held_out_loss)].some((loss) => Object.keys(loss[modality] ?? {}).length > 0));
  if (modalities.length === 0) return [empty("There is no held-out split, so there is no held-out loss.")];
  const best = evaluation.verdict.best?.checkpoint;
  const figures = el("div", { class: "pair" });
  const curve = (loss, modality) => Object.entries(loss[modality] ?? {}).map(([sigma, y]) => [Number(sigma), y])
    .filter(([, y]) => isNumber(y)).sort((left, right) => left[0] - right[0]);
  const draw = (view) => figures.replaceChildren(...modalities.map((modality) => {
    const reference = new Map(curve(base, modality));
    const change = ([sigma, y]) => [sigma, (100 * (y - reference.get(sigma))) / reference.get(sigma)];
    const relative = view === CHANGE;
    const series = measured.map((one) => ({
      name: one.name, colour: colourOf(one), strong: one.name === best,
      points: relative ? curve(one.held_out_loss, modality).filter(([sigma]) => reference.get(sigma)).map(change) : curve(one.held_out_loss, modality),
    }));
    if (reference.size) series.unshift({ name: BASE, base: true, points: [...reference].map(([sigma, y]) => [sigma, relative ? 0 : y]) });
    return chart({
      label: `Held-out loss of ${modality} by sigma`, title: words(modality), xLabel: "sigma (1 = noise)",
      yLabel: relative ? "change against base (%)" : "loss", series, xText: (sigma) => sigma.toFixed(2),
    });
  }));
  const views = Object.keys(base).length ? [CHANGE, "Loss"] : ["Loss"];
  draw(views[0]);
  return [
    el("div", { class: "controls" }, choice("Show", views, views[0], draw)),
    el("p", { class: "help" }, "Loss on clips that were not trained on, with the same noise for all. Lower is better; above the base means that the LoRA predicts unseen clips worse than the model without it."),
    figures,
  ];
}
const CHANGE = "Change against base";

// Colours go by training order, so that a checkpoint looks the same in every chart.
const colourOf = (checkpoint) => {
  const order = [...evaluation.checkpoints].sort((left, right) => compare(left.step, right.step, false));
  return order.indexOf(checkpoint);
};

function chart(options) {
  const series = options.series.filter((one) => one.points.length > 0);
  const figure = el("figure", { class: "chart" }, options.title && el("figcaption", {}, options.title));
  if (series.length === 0) return el("div", {}, options.title && el("h4", {}, options.title), empty("Nothing was measured."));
  const canvas = el("div", { class: "canvas" });
  const readout = el("div", { class: "readout", hidden: true });
  figure.append(legend(series, options), el("div", { class: "plot" }, canvas, readout), numbers(series, options));
  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width || canvas.clientWidth === 0) return;
    width = canvas.clientWidth;
    canvas.replaceChildren(plot(series, options, width, readout));
  }).observe(canvas);
  return figure;
}

function plot(series, options, width, readout) {
  const scale = scales(series, options, width);
  const svg = el("svg:svg", { width, height: CHART.height, role: "img", "aria-label": `${options.label}; the numbers are in the table below` });
  for (const y of scale.ticks) {
    svg.append(
      el("svg:line", { class: "grid-line", x1: CHART.left, x2: width - CHART.right, y1: scale.y(y), y2: scale.y(y) }),
      el("svg:text", { class: "tick", x: CHART.left - 8, y: scale.y(y) + 4, "text-anchor": "end" }, fixed(y, scale.decimals)),
    );
  }
  const room = Math.max(1, Math.ceil((scale.xs.length * 44) / (width - CHART.left - CHART.right)));
  scale.xs.forEach((x, index) => {
    svg.append(el("svg:line", { class: "grid-line", x1: scale.x(x), x2: scale.x(x), y1: CHART.height - CHART.bottom, y2: CHART.height - CHART.bottom + 5 }));
    if (index % room === 0) svg.append(el("svg:text", { class: "tick", x: scale.x(x), y: CHART.height - CHART.bottom + 18, "text-anchor": "middle" }, options.xText(x)));
  });
  svg.append(
    el("svg:text", { class: "axis", x: (CHART.left + width - CHART.right) / 2, y: CHART.height - 5, "text-anchor": "middle" }, options.xLabel),
    el("svg:text", { class: "axis", x: 0, y: 14 }, options.yLabel),
  );
  if (options.zero) svg.append(el("svg:line", { class: "zero", x1: CHART.left, x2: width - CHART.right, y1: scale.y(0), y2: scale.y(0) }));
  if (scale.xs.some((x) => sameStrength(x, options.marked))) {
    svg.append(el("svg:line", { class: "marked", x1: scale.x(options.marked), x2: scale.x(options.marked), y1: CHART.top, y2: CHART.height - CHART.bottom }),
      el("svg:text", { class: "tick marked-text", x: scale.x(options.marked) - 5, y: CHART.height - CHART.bottom - 6, "text-anchor": "end" }, options.markedText));
  }
  for (const one of [...series].sort((left, right) => Boolean(left.strong) - Boolean(right.strong))) svg.append(curveOf(one, scale)); // the best on top
  followPointer(svg, series, options, scale, readout);
  return svg;
}

function curveOf(one, scale) {
  const points = one.points.map(([x, y]) => [scale.x(x), scale.y(y)]);
  return el("svg:g", { class: seriesClass(one) },
    el("svg:polyline", { points: points.map((point) => point.join(",")).join(" ") }),
    points.map(([x, y]) => el("svg:circle", { cx: x, cy: y, r: one.strong ? 4.5 : 3.5 })));
}

const seriesClass = (one) => `series ${one.base ? "of-base" : `c${one.colour % SERIES_COLOURS} d${Math.floor(one.colour / SERIES_COLOURS) % 3}`}${one.strong ? " strong" : ""}`;

function scales(series, options, width) {
  const xs = unique(series.flatMap((one) => one.points.map(([x]) => x))).sort(byNumber);
  const ys = series.flatMap((one) => one.points.map(([, y]) => y)).concat(options.zero ? [0] : []);
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  const step = niceStep((high - low) / 4);
  const ticks = [];
  for (let index = Math.floor(low / step + 1e-9); index <= Math.ceil(high / step - 1e-9); index += 1) ticks.push(Number((index * step).toPrecision(12)));
  const [first, last] = [ticks[0], ticks.at(-1)];
  const inner = width - CHART.left - CHART.right - 24;
  const [begin, end] = [xs[0], xs.at(-1)];
  return {
    xs, ticks, decimals: Math.max(...ticks.map((tick) => String(tick).split(".")[1]?.length ?? 0)),
    x: (x) => CHART.left + 12 + (end === begin ? inner / 2 : ((x - begin) / (end - begin)) * inner),
    y: (y) => CHART.top + ((last - y) / (last - first)) * (CHART.height - CHART.top - CHART.bottom),
  };
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

function legend(series, options) {
  return el("ul", { class: "legend", "aria-label": `Lines of ${options.label}` }, series.map((one) =>
    el("li", {}, el("svg:svg", { width: 26, height: 12, "aria-hidden": "true" },
      el("svg:g", { class: seriesClass(one) }, el("svg:polyline", { points: "1,6 25,6" }), el("svg:circle", { cx: 13, cy: 6, r: 3.5 }))),
    one.base ? "base (LoRA off)" : one.name, one.strong && el("span", { class: "chip" }, "best"))));
}

function numbers(series, options) {
  const xs = unique(series.flatMap((one) => one.points.map(([x]) => x))).sort(byNumber);
  const value = (one, x) => one.points.find((point) => point[0] === x)?.[1];
  return el("details", { class: "numbers" }, el("summary", {}, "Numbers"),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Numbers of ${options.label}` },
      el("table", {}, el("caption", {}, `${options.yLabel} by ${options.xLabel}`),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, options.xLabel), series.map((one) => el("th", { scope: "col", class: "number" }, one.name)))),
        el("tbody", {}, xs.map((x) => el("tr", {}, el("th", { scope: "row" }, options.xText(x)), series.map((one) => el("td", { class: "number" }, format(value(one, x))))))))));
}

function followPointer(svg, series, options, scale, readout) {
  const line = el("svg:line", { class: "pointer", y1: CHART.top, y2: CHART.height - CHART.bottom, visibility: "hidden" });
  svg.append(line);
  const leave = () => { readout.hidden = true; line.setAttribute("visibility", "hidden"); };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointermove", (event) => {
    const pointer = event.clientX - svg.getBoundingClientRect().left;
    const x = scale.xs.reduce((near, other) => (Math.abs(scale.x(other) - pointer) < Math.abs(scale.x(near) - pointer) ? other : near));
    line.setAttribute("x1", scale.x(x));
    line.setAttribute("x2", scale.x(x));
    line.setAttribute("visibility", "visible");
    const values = series.map((one) => [one, one.points.find((point) => point[0] === x)?.[1]]).filter(([, y]) => isNumber(y)).sort((left, right) => right[1] - left[1]);
    readout.replaceChildren(el("p", {}, `${options.xLabel.split(" ")[0]} ${options.xText(x)}`),
      el("ul", {}, values.map(([one, y]) => el("li", {},
        el("svg:svg", { width: 12, height: 12, "aria-hidden": "true" }, el("svg:g", { class: seriesClass(one) }, el("svg:circle", { cx: 6, cy: 6, r: 4 }))),
        el("span", {}, one.name), el("b", {}, format(y))))));
    readout.hidden = false;
    const right = scale.x(x) + 12 + readout.offsetWidth < svg.clientWidth;
    readout.style.left = `${right ? scale.x(x) + 12 : Math.max(0, scale.x(x) - 12 - readout.offsetWidth)}px`;
  });
}
