// Metrics x checkpoints: sorted by any row, coloured by what is better, the best of each row marked.
function drawCheckpoints() {
  const section = byId("checkpoints");
  const checkpoints = [...evaluation.checkpoints];
  if (checkpoints.length === 0) return section.append(empty("No LoRA was evaluated."));
  const base = Object.keys(evaluation.base_scores ?? {}).length ? { name: "base (LoRA off)", scores: evaluation.base_scores } : null;
  const lines = tableLines(checkpoints);
  const state = { line: lines[1], descending: false };
  const sortBy = (line) => {
    state.descending = line === state.line ? !state.descending : line.metric?.better === "higher";
    state.line = line;
    draw();
  };
  const rows = lines.map((line) => tableRow(line, checkpoints, base, () => sortBy(line)));
  const draw = () => {
    const value = state.line.value;
    const order = [...checkpoints].sort((left, right) => compare(value(left), value(right), state.descending));
    for (const { line, element, header, cells } of rows) {
      element.replaceChildren(header, ...order.map((one) => cells.get(one)), ...(base ? [cells.get(base)] : []));
      if (line === state.line) header.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  };
  draw();
  const elements = rows.map((row) => row.element);
  section.append(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Checkpoints and their metrics" },
    el("table", { class: "metrics" }, el("thead", {}, elements[0]), el("tbody", {}, elements.slice(1)))));
  if (checkpoints.length > 1) {
    section.append(el("p", { class: "key" }, el("span", { class: "star" }, "\u2605"),
      " best of its row. Colours compare the checkpoints with each other; rows that hardly differ stay plain. Click a row\u2019s name to sort by it."));
  }
  return undefined;
}

function tableLines(checkpoints) {
  const names = unique([...Object.keys(evaluation.metrics), ...checkpoints.flatMap((one) => Object.keys(one.scores))])
    .filter((name) => checkpoints.some((one) => isNumber(one.scores[name])));
  const score = { label: "Score", better: "higher", unit: "", help: "What the ranking goes by." };
  return [
    { label: "Checkpoint", value: (one) => one.name, isHead: true },
    { label: "Rank", value: (one) => one.rank },
    { label: "Step", value: (one) => one.step },
    { label: score.label, metric: score, value: (one) => one.score },
    ...names.map((name) => ({ label: metricOf(name).label, metric: metricOf(name), value: (one) => one.scores[name] })),
  ];
}

function tableRow(line, checkpoints, base, onSort) {
  const { metric } = line;
  const detail = metric ? [metric.unit, BETTER[metric.better]?.sign].filter(Boolean).join(" ") : "";
  const header = el("th", { scope: line.isHead ? "col" : "row", class: "first" },
    el("button", { type: "button", on: { click: onSort }, "data-tip": metric ? metricTip(metric) : `Sort by ${line.label.toLowerCase()}`, "aria-describedby": "tip" },
      el("span", { class: "name" }, line.label), el("span", { class: "detail", "aria-hidden": "true" }, detail)));
  const values = checkpoints.map(line.value);
  const decimals = decimalsOf(base && metric ? [...values, line.value(base)] : values);
  const cells = new Map(checkpoints.map((one) => [one, tableCell(line, one, values, decimals)]));
  if (base) {
    const value = line.value(base);
    cells.set(base, line.isHead ? el("th", { scope: "col", class: "number of-base" }, base.name)
      : el("td", { class: "number of-base" }, isNumber(value) ? fixed(value, decimals) : ""));
  }
  return { line, element: el("tr"), header, cells };
}

function tableCell({ value, metric, isHead }, checkpoint, values, decimals) {
  const mine = value(checkpoint);
  const recommended = checkpoint.name === evaluation.verdict.best?.checkpoint;
  const kind = `number${recommended ? " recommended" : ""}`;
  if (isHead) return el("th", { scope: "col", class: kind }, el("span", {}, mine), recommended && el("span", { class: "chip" }, "best"));
  if (!metric) return el("td", { class: kind }, mine === null || mine === undefined ? "\u2013" : String(mine));
  return el("td", { class: `${kind} tone${toneOf(metric, mine, values)}` },
    isBest(metric, mine, values) && el("span", { class: "star", role: "img", "aria-label": "best" }, "\u2605"), fixed(mine, decimals));
}

// Text by alphabet with numbers in it by size; what is missing comes last either way.
function compare(left, right, descending) {
  const [noLeft, noRight] = [left, right].map((value) => value === null || value === undefined);
  if (noLeft || noRight) return noLeft - noRight;
  const order = typeof left === "number" ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
  return descending ? -order : order;
}
