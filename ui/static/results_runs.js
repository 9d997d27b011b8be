// The list of runs: a page of rows, each a button that chooses its run.
window.studio.resultsRuns = (root, { props, trigger, watch }) => {
  const { make } = window.studio;
  root.classList.add("runs");
  const row = (one, chosen) => make("button", {
    type: "button", className: "runs-row", "aria-current": String(one.name === chosen), on: { click: () => trigger("choose", { run: one.name }) },
  },
  make("span", { className: "runs-name", title: one.name }, one.name), make("span", { className: "runs-state", data: { state: one.state } }, one.state),
  make("span", {}, one.step), make("span", {}, one.marks), make("span", {}, one.changed));
  const turn = (text, page, ends) => make("button", { type: "button", disabled: ends, on: { click: () => trigger("turn", { page }) } }, text);
  const draw = () => {
    const { rows = [], page = 0, pages = 1, text = "", empty = "", chosen = "" } = props.value ?? {};
    if (empty) return root.replaceChildren(make("div", { className: "empty" }, make("strong", {}, "No runs"), empty));
    const foot = pages > 1 ? make("div", { className: "runs-foot" }, turn("Newer", page - 1, page === 0), make("span", {}, text), turn("Older", page + 1, page === pages - 1)) : null;
    const focused = root.contains(document.activeElement) ? [...root.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    root.replaceChildren(...[make("div", { className: "runs-list" }, ...rows.map((one) => row(one, chosen))), foot].filter(Boolean));
    if (focused >= 0) root.querySelectorAll("button")[focused]?.focus();
    return undefined;
  };
  draw();
  watch("value", draw);
};
