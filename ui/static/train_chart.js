// Curves over steps as SVG: raw values faint, smoothed ones strong; a line under the pointer tells the figures.
{
  const make = (...words) => window.studio.make(...words);
  const COLOURS = ["#0d9488", "#d97706", "#6366f1", "#db2777", "#65a30d", "#0284c7", "#9333ea", "#dc2626", "#78716c"];
  const HEIGHT = 260;
  const MARGIN = { left: 58, right: 12, top: 10, bottom: 30 };

  const draw = (tag, options = {}, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(options)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const figure = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 0.001 && size < 100000 ? String(Number(value.toPrecision(4))) : value.toExponential(1);
  };

  // Round values between two others: about `count` of them, or powers of ten on a logarithmic axis.
  const ticks = (low, high, count, log) => {
    if (log) {
      const found = [];
      for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
        for (const digit of high - low < 2.5 ? [1, 2, 5] : [1]) {
          const place = power + Math.log10(digit);
          if (place >= low - 1e-9 && place <= high + 1e-9) found.push(place);
        }
      }
      if (found.length >= 2) return found;
    }
    const rough = (high - low) / count || 1;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * ([1, 2, 5, 10].find((one) => one * unit >= rough) ?? 10);
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(value);
    return found;
  };

  const extent = (values) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (!(high > low)) return low === Infinity ? [0, 1] : [low - Math.max(0.5 * Math.abs(low), 0.5e-3), high + Math.max(0.5 * Math.abs(high), 0.5e-3)];
    const room = 0.04 * (high - low);
    return [low - room, high + room];
  };

  window.studio.trainChart = (root, { props, watch }) => {
    root.classList.add("train");
    const hidden = new Set();
    const legend = make("div", { className: "tr-legend" });
    const tip = make("div", { className: "tr-tip" });
    const frame = make("div", { className: "tr-chart" });
    const nothing = make("p", { className: "tr-dim" });
    root.replaceChildren(legend, frame, nothing);
    tip.hidden = true;
    let scale = null;

    const paint = () => {
      const { lines = [], log = false, title = "", empty = "" } = props.value ?? {};
      frame.hidden = legend.hidden = lines.length === 0;
      nothing.hidden = !empty;
      nothing.textContent = empty;
      if (!lines.length || !frame.clientWidth) return;
      const width = frame.clientWidth;
      const coloured = lines.map((line, number) => ({ ...line, colour: COLOURS[number % COLOURS.length] }));
      const shown = coloured.filter((line) => !hidden.has(line.name));
      const usable = (points) => (log ? points.filter(([, value]) => value > 0) : points);
      const place = (value) => (log ? Math.log10(value) : value);
      const all = shown.flatMap((line) => usable(line.points.length > 1 || !line.raw.length ? [...line.points, ...line.raw] : line.raw));
      const steps = extent(all.map(([step]) => step));
      const [first, last] = all.length ? [Math.min(...all.map(([step]) => step)), Math.max(...all.map(([step]) => step))] : [0, 1];
      const [left, right] = first < last ? [first, last] : steps;
      const [low, high] = extent(all.map(([, value]) => place(value)));
      const x = (step) => MARGIN.left + ((step - left) / (right - left)) * (width - MARGIN.left - MARGIN.right);
      const y = (value) => MARGIN.top + ((high - place(value)) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
      const yOf = (position) => MARGIN.top + ((high - position) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
      const picture = draw("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${title} over steps` });
      for (const position of ticks(low, high, 5, log)) {
        const text = draw("text", { x: MARGIN.left - 8, y: yOf(position) + 4, "text-anchor": "end" });
        text.textContent = figure(log ? 10 ** position : Number(position.toPrecision(10)));
        picture.append(draw("line", { class: "tr-grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: yOf(position), y2: yOf(position) }), text);
      }
      const marks = ticks(left, right, Math.max(1, Math.min(Math.floor(width / 70), right - left)), false);
      for (const step of new Set(marks.map(Math.round).filter((one) => one >= left && one <= right))) {
        const text = draw("text", { x: x(step), y: HEIGHT - 10, "text-anchor": x(step) > width - 34 ? "end" : "middle" });
        text.textContent = step.toLocaleString("en");
        picture.append(text);
      }
      const path = (points) => usable(points).map(([step, value], number) => `${number ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      for (const line of shown) picture.append(draw("path", { class: "tr-raw", d: path(line.raw), stroke: line.colour }));
      for (const line of shown) {
        const points = usable(line.points);
        picture.append(draw("path", { class: "tr-curve", d: path(points), stroke: line.colour }));
        if (points.length && points.length <= 40) for (const [step, value] of points) picture.append(draw("circle", { cx: x(step), cy: y(value), r: 2.5, fill: line.colour }));
      }
      const pointer = draw("line", { class: "tr-pointer", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, visibility: "hidden" });
      picture.append(pointer);
      scale = { left, right, width, shown, x, pointer };
      frame.replaceChildren(picture, tip);
      legend.replaceChildren(...coloured.map((line) => {
        const mark = make("i", {});
        mark.style.background = line.colour;
        return make("button", { type: "button", "aria-pressed": String(!hidden.has(line.name)), title: "Show or hide", on: { click: () => {
          if (hidden.has(line.name)) hidden.delete(line.name); else hidden.add(line.name);
          paint();
        } } }, mark, line.name);
      }));
    };

    // The values nearest to the pointer.
    frame.addEventListener("pointermove", (event) => {
      if (!scale || !scale.shown.length) return;
      const at = event.clientX - frame.getBoundingClientRect().left;
      const wanted = scale.left + ((at - MARGIN.left) / (scale.width - MARGIN.left - MARGIN.right)) * (scale.right - scale.left);
      const near = scale.shown.map((line) => ({ line, point: line.points.reduce((best, one) => (best && Math.abs(best[0] - wanted) <= Math.abs(one[0] - wanted) ? best : one), null) })).filter((one) => one.point);
      if (!near.length) return;
      const step = near.reduce((best, one) => (Math.abs(one.point[0] - wanted) < Math.abs(best - wanted) ? one.point[0] : best), near[0].point[0]);
      const place = scale.x(step);
      scale.pointer.setAttribute("x1", place);
      scale.pointer.setAttribute("x2", place);
      scale.pointer.setAttribute("visibility", "visible");
      tip.replaceChildren(make("strong", {}, `step ${step.toLocaleString("en")}`), ...near.filter((one) => one.point[0] === step).map((one) => make("div", {}, `${one.line.name}  ${figure(one.point[1])}`)));
      tip.hidden = false;
      tip.style.left = `${Math.min(Math.max(0, place + 10), Math.max(0, scale.width - tip.offsetWidth - 4))}px`;
    });
    frame.addEventListener("pointerleave", () => {
      tip.hidden = true;
      scale?.pointer.setAttribute("visibility", "hidden");
    });
    new ResizeObserver(() => { if (frame.clientWidth !== scale?.width) paint(); }).observe(root);
    paint();
    watch("value", paint);
  };
}
